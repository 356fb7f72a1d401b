/** Bundles the program `effect-cycles` into one file, so that it starts fast and users install nothing for it. */
import * as esbuild from "esbuild"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** `./page/index.html?raw` is the text of the file. */
const raw: esbuild.Plugin = {
  name: "raw",
  setup: ({ onLoad, onResolve }) => {
    onResolve({ filter: /\?raw$/ }, ({ path, resolveDir }) => ({
      path: resolve(resolveDir, path.slice(0, -"?raw".length)),
      namespace: "raw"
    }))
    onLoad({ filter: /.*/, namespace: "raw" }, ({ path }) => ({ contents: readFileSync(path), loader: "text" }))
  }
}

export const buildCli = async (outfile: string): Promise<void> => {
  const { version } = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8"))
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: ["src/cli/main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "esm",
    // Bundled CommonJS asks for Node's own modules.
    banner: {
      js: `#!/usr/bin/env node
import { createRequire as requireFor } from "node:module";
const require = requireFor(import.meta.url);`
    },
    define: { VERSION: JSON.stringify(version) },
    external: ["libsql"],
    plugins: [raw],
    logLevel: "warning"
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildCli(resolve(root, "dist/effect-cycles.js"))
