import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["src/index.ts", "src/testing.ts", "src/worker.ts"],
  format: "esm",
  platform: "node",
  target: "node24",
  fixedExtension: false,
  dts: { sourcemap: false },
  sourcemap: true,
  clean: true,
  // At the root: with TypeScript 7 the declarations are made relative to the folder of this file.
  tsconfig: "../../tsconfig.dts.json",
  // Our packages go in from their sources, so that a user installs one package and has every class once. What they depend on
  // stays outside, listed in this package's manifest.
  deps: { alwaysBundle: [/^@stack-2025\/byok-(crypto|providers|db|sandbox)/] },
  inputOptions: { resolve: { conditionNames: ["byok-source", "node", "import", "default"] } },
  // The migrations are read beside the code at run time: every chunk lies in dist itself, so `./migrations/` finds them.
  copy: [{ from: "../db/src/migrations/*.sql", to: "dist/migrations" }],
});
