/**
 * Packs the library, lints the tarball, installs it in an empty folder and runs `packSmoke.mjs` there; then starts the dev server from the
 * tarball in another empty folder, and ends it as a terminal would.
 */
import { execFileSync, spawn } from "node:child_process"
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

/** `effect-cycles dev`, started by npm in a folder with nothing in it: it greets, answers, and ends at Ctrl-C. */
const tryDev = async (cwd: string, tarball: string): Promise<void> => {
  const args = [
    "exec",
    "--yes",
    `--package=${tarball}`,
    "--",
    "effect-cycles",
    "dev",
    "--port",
    "0",
    "--admin-port",
    "0"
  ]
  console.log(`$ npm ${args.join(" ")}`)
  const child = spawn("npm", args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "inherit"] })
  let over = false
  const ended = new Promise<void>((resolve) =>
    child.once("close", () => {
      over = true
      resolve()
    })
  )
  const end = (signal: NodeJS.Signals) => {
    if (child.pid !== undefined && !over) process.kill(-child.pid, signal)
  }
  const limit = setTimeout(() => end("SIGKILL"), 180_000)
  try {
    let greeting = ""
    for await (const part of child.stdout) {
      greeting += part
      if (!greeting.includes("Ctrl-C ends it.")) continue
      console.log(greeting)
      const url = /^ {2}runtime +(\S+)/m.exec(greeting)?.[1]
      for (const path of ["/", "/openapi.json", "/actuator/health"]) {
        const { ok, status } = await fetch(`${url}${path}`)
        if (!ok) throw new Error(`${path} was answered with ${status}`)
      }
      end("SIGINT")
    }
    if (!greeting.includes("Ctrl-C ends it.")) throw new Error("the dev server did not start from the tarball")
    await ended
  } finally {
    clearTimeout(limit)
    end("SIGKILL")
  }
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

  const empty = join(folder, "empty")
  mkdirSync(empty)
  await tryDev(empty, tarball)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
