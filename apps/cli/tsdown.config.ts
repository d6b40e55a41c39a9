import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["src/byok.ts"],
  format: "esm",
  platform: "node",
  target: "node24",
  fixedExtension: false,
  dts: false,
  sourcemap: true,
  clean: true,
  inputOptions: { resolve: { conditionNames: ["byok-source", "node", "import"] } },
  // Our own packages are private or bundled everywhere; what comes from elsewhere stays a dependency.
  deps: { alwaysBundle: [/^@stack-2025\/byok-/, /^#engine$/] },
  // The migrations are read beside the code that runs them.
  copy: [{ from: "../../packages/db/src/migrations/*.sql", to: "dist/migrations" }],
});
