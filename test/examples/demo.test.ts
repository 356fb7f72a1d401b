import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { readPrompts } from "../../examples/demo/prompts.js"
import { bar, cut } from "../../examples/demo/screen.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

const writeFile = (content: string | Uint8Array) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = join(yield* fs.makeTempDirectoryScoped(), "questions.txt")
    yield* fs.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content)
    return path
  })

layer(NodeFileSystem.layer)("the questions of the demo", (it) => {
  it.effect("are the forty of the repository by default", () =>
    Effect.gen(function*() {
      assert.lengthOf(yield* readPrompts([]), 40)
    }))

  it.scoped("are the lines of a file that are not blank", () =>
    Effect.gen(function*() {
      const path = yield* writeFile("\uFEFFone?\r\n\r\n  two?  \n\n<|endoftext|>")
      assert.deepStrictEqual(yield* readPrompts([path]), ["one?", "two?", "<|endoftext|>"])
    }))

  const refuses = (name: string, content: string | Uint8Array, why: string) =>
    it.scoped(`are not taken from ${name}`, () =>
      Effect.gen(function*() {
        const path = yield* writeFile(content)
        const { message } = yield* Effect.flip(readPrompts([path]))
        assert.strictEqual(message, `cannot take questions from ${path}: ${why}`)
      }))

  refuses("an empty file", "", "it has no questions in it")
  refuses("a blank file", " \n\t\r\n", "it has no questions in it")
  refuses("a binary file", new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 1]), "it is not UTF-8 text")
  refuses("text in another encoding", new Uint8Array([0x63, 0x61, 0x66, 0xe9]), "it is not UTF-8 text")
  refuses("a large file", "a?\n".repeat(400_000), "it is larger than 1 MiB")
  refuses("a file with a long line", "a".repeat(10_001), "a line is longer than 10000 characters")

  it.effect("are not taken from a file that is not there, a directory, no name or two names", () =>
    Effect.gen(function*() {
      const why = (...args: ReadonlyArray<string>) =>
        Effect.map(Effect.flip(readPrompts(args)), ({ message }) => message.replace(/^.*: /, ""))
      assert.strictEqual(yield* why(join(root, "no such file")), "there is no such file")
      assert.strictEqual(yield* why(root), "it is a directory")
      assert.strictEqual(yield* why(""), "the name is empty")
      assert.strictEqual(yield* why("a", "b"), "npm run demo [-- FILE], where FILE has one question a line")
    }))

  it.effect("are not taken from an option", () =>
    Effect.gen(function*() {
      for (const args of [["--bogus"], ["-x"], [join(root, "package.json"), "--bogus"]]) {
        const { message } = yield* Effect.flip(readPrompts(args))
        assert.match(message, /^unknown option -(?:-bogus|x); usage: npm run demo \[-- FILE\]/)
      }
    }))
})

describe("the screen of the demo", () => {
  it("cuts to columns, without control characters", () => {
    assert.strictEqual(cut("short", 5), "short")
    assert.strictEqual(cut("a longer text", 8), "a lon...")
    assert.strictEqual(cut("\u001b[31mred\u001b[0m\u0007 \u202e text\n", 40), "red text ")
    assert.strictEqual(cut("日本語の質問", 8), "日本...")
    assert.strictEqual(cut("日本語の質問", 12), "日本語の質問")
    assert.strictEqual(cut("no room", 0), "")
  })

  it("draws what is spent, held and free", () => {
    assert.strictEqual(bar(10, 100n, 30n, 40n), "###++++...")
    assert.strictEqual(bar(10, 100n, 100n, 0n), "##########")
    assert.strictEqual(bar(4, 0n, 0n, 0n), "....")
    assert.strictEqual(bar(4, 10n, 30n, 40n), "####")
  })
})

interface Ended {
  readonly code: number | null
  readonly output: string
}

/** Runs the demo in a process of its own; `interruptAt` is what it has printed when it gets SIGINT. */
const runDemo = (args: ReadonlyArray<string>, interruptAt?: RegExp) =>
  Effect.async<Ended>((resume) => {
    const child = spawn(process.execPath, ["--import", "tsx", "examples/demo/main.ts", ...args], {
      cwd: root,
      env: { ...process.env, TSX_TSCONFIG_PATH: join(root, "test/tsconfig.json") },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    let sent = false
    const keep = (chunk: Buffer) => {
      output += chunk.toString()
      if (sent || interruptAt?.test(output) !== true) return
      sent = true
      child.kill("SIGINT")
    }
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    child.on("close", (code) => resume(Effect.succeed({ code, output })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const verdictsIn = (output: string): ReadonlyArray<string> => output.match(/: (?:ok|NOT OK)$/gm) ?? []
const allOk = Array.from({ length: 6 }, () => ": ok")

describe("the demo", () => {
  it.scopedLive("answers the questions of a file, and its books agree", () =>
    Effect.gen(function*() {
      const path = yield* writeFile("one?\ntwo?\nthree?\n")
      const { code, output } = yield* runDemo([path])
      assert.match(output, /^3 allowed$/m)
      assert.deepStrictEqual(verdictsIn(output), allOk)
      assert.strictEqual(code, 0)
    }).pipe(Effect.provide(NodeFileSystem.layer)), 60_000)

  it.live("settles everything when it is interrupted", () =>
    Effect.gen(function*() {
      const { code, output } = yield* runDemo([], /^ *\d+ allowed /m)
      assert.match(output, /^\d+ allowed, (?:.*, )?8 interrupted, \d+ not asked$/m)
      assert.deepStrictEqual(verdictsIn(output), allOk)
      assert.strictEqual(code, 130)
    }), 60_000)

  it.live("says how it is called, and asks nothing", () =>
    Effect.gen(function*() {
      for (const args of [["--help"], ["-h"], ["/no/such/file", "--help"]]) {
        const { code, output } = yield* runDemo(args)
        assert.strictEqual(output, "usage: npm run demo [-- FILE], where FILE has one question a line\n")
        assert.strictEqual(code, 0)
      }
    }), 60_000)

  it.live("says in one line what is wrong with a file", () =>
    Effect.gen(function*() {
      const { code, output } = yield* runDemo(["/no/such/file"])
      assert.strictEqual(output, "demo: cannot take questions from /no/such/file: there is no such file\n")
      assert.strictEqual(code, 1)
    }), 60_000)
})
