import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["src/index.ts"],
  format: "esm",
  // Node and browsers: nothing of a platform's own.
  platform: "neutral",
  target: "es2024",
  fixedExtension: false,
  dts: { sourcemap: false },
  // tRPC's declarations name AsyncDisposable; without this a project without Node's types would have to know of it.
  banner: { dts: '/// <reference lib="esnext.disposable" />\n' },
  sourcemap: true,
  clean: true,
  // At the root: with TypeScript 7 the declarations are made relative to the folder of this file.
  tsconfig: "../../tsconfig.dts.json",
  // Of our packages the errors and the types go in; the service's own code is asked for its types alone.
  deps: { alwaysBundle: [/^@stack-2025\/byok-/] },
  // Nor an import that is left over from what was not used.
  treeshake: { moduleSideEffects: false },
  inputOptions: { resolve: { conditionNames: ["byok-source", "import", "default"] } },
});
