/** Runs programs of `examples`, each in a process of its own, and shows what they print: those that are named, or all. Fails when one fails. */
import { spawn } from "node:child_process"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const limitMs = 60_000

interface Run {
  readonly ok: boolean
  readonly status: string
}

const run = (file: string): Promise<Run> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, ["--import", "tsx", file], {
      cwd: root,
      env: { ...process.env, TSX_TSCONFIG_PATH: join(root, "test/tsconfig.json") },
      stdio: ["ignore", "inherit", "inherit"]
    })
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill("SIGKILL")
    }, limitMs)
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      resolve({ ok: code === 0, status: late ? `stopped after ${limitMs / 1000} s` : `exit ${code ?? signal}` })
    })
  })

const all = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".ts")).sort()
const named = process.argv.slice(2).map((name) => `${name.replace(/^.*[/\\]/, "").replace(/\.ts$/, "")}.ts`)
const unknown = named.filter((name) => !all.includes(name))
if (unknown.length > 0) {
  const known = all.map((name) => name.replace(/\.ts$/, "")).join(", ")
  console.error(`there is no example ${unknown.join(", ")}; the examples are: ${known}`)
  process.exit(2)
}
const failed: Array<string> = []
const files = named.length > 0 ? named : all
for (const name of files) {
  console.log(`== examples/${name}`)
  const { ok, status } = await run(join("examples", name))
  if (!ok) {
    failed.push(name)
    console.log(`FAIL examples/${name} (${status})`)
  }
  console.log()
}
console.log(`${files.length} run, ${failed.length} failed${failed.map((name) => ` ${name}`).join()}`)
if (failed.length > 0) process.exitCode = 1
