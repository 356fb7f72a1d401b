/** Runs every program of `examples` in a process of its own. Fails when one of them fails. */
import { spawn } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const limitMs = 60_000

interface Run {
  readonly ok: boolean
  readonly status: string
  readonly output: string
}

const run = (file: string): Promise<Run> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, ["--import", "tsx", file], {
      cwd: root,
      env: { ...process.env, TSX_TSCONFIG_PATH: join(root, "test/tsconfig.json") },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    let late = false
    const keep = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    const timer = setTimeout(() => {
      late = true
      child.kill("SIGKILL")
    }, limitMs)
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      const status = late ? `stopped after ${limitMs / 1000} s` : `exit ${code ?? signal}`
      resolve({ ok: code === 0, status, output })
    })
  })

const folder = join(root, "examples")
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".ts")).sort() : []
let failures = 0
for (const name of files) {
  const { ok, output, status } = await run(join("examples", name))
  console.log(`${ok ? "ok  " : "FAIL"} examples/${name} (${status})`)
  if (!ok) {
    failures += 1
    console.log(output)
  }
}
console.log(`${files.length} examples, ${failures} failed`)
if (files.length === 0 || failures > 0) process.exitCode = 1
