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
  // Root key services are optional peers, loaded where one is used; one of them is compiled where it is installed.
  deps: { alwaysBundle: [/^@stack-2025\/byok-/, /^#engine$/], neverBundle: [/^@aws-sdk\//, "pkcs11js"] },
  // The migrations are read beside the code that runs them.
  copy: [{ from: "../../packages/db/src/migrations/*.sql", to: "dist/migrations" }],
});
