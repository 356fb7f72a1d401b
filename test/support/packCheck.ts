/** Packs the library, lints the tarball, then installs it in an empty folder and runs `packSmoke.mjs` there. */
import { execFileSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const path = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter)

/** npm passes its settings on through the environment. Those that name this project would misdirect the inner install. */
const env = Object.fromEntries(
  Object.entries({ ...process.env, PATH: path }).filter(([name]) =>
    !/^npm_(package_|lifecycle_|config_(local_prefix|save|omit_lockfile))/i.test(name)
  )
)

const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): void => {
  console.log(`$ ${[command, ...args].join(" ")}`)
  execFileSync(command, args, { cwd, env, stdio: ["ignore", "inherit", "inherit"] })
}

const folder = mkdtempSync(join(tmpdir(), "effect-cycles-"))
try {
  run(root, "npm", "run", "build")
  run(root, "npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder)
  const name = readdirSync(folder).find((file) => file.endsWith(".tgz"))
  if (name === undefined) throw new Error("npm pack made no tarball")
  const tarball = join(folder, name)
  run(root, "publint", "run", "--strict", tarball)
  run(root, "attw", tarball, "--profile", "esm-only")

  const consumer = join(folder, "consumer")
  mkdirSync(consumer)
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }))
  const peers = Object.keys(manifest.peerDependencies).map((peer) => `${peer}@${manifest.devDependencies[peer]}`)
  run(consumer, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", tarball, ...peers)
  copyFileSync(join(root, "test/support/packSmoke.mjs"), join(consumer, "packSmoke.mjs"))
  run(consumer, "node", "packSmoke.mjs")
} finally {
  rmSync(folder, { recursive: true, force: true })
}
