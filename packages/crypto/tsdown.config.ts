import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["src/index.ts", "src/engine-node.ts", "src/engine-portable.ts"],
  format: "esm",
  platform: "neutral",
  target: "es2024",
  fixedExtension: false,
  dts: { sourcemap: false, entry: ["src/index.ts"] },
  sourcemap: true,
  clean: true,
  // At the root: with TypeScript 7 the declarations are made relative to the folder of this file.
  tsconfig: "../../tsconfig.dts.json",
  // index.js keeps `#engine` as an import: the platform that imports it picks the engine, not this build.
  deps: { neverBundle: ["#engine", /^node:/] },
});
