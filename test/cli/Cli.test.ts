import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Cli from "../../src/cli/Cli.js"
import { dev } from "../../src/cli/Dev.js"
import { colourOf } from "../../src/cli/internal/colour.js"
import { run } from "./support/program.js"

const control = /\u001b/

const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, says: RegExp]> = [
  [["--prot", "1"], /^unknown option '--prot'/],
  [["-p", "1"], /^unknown option '-p'/],
  [["extra"], /^unexpected argument 'extra'/],
  [["--budget"], /^--budget needs a value/],
  [["--budget", "--quiet"], /^--budget needs a value/],
  [["--port", "1", "--port", "2"], /^--port is given more than once/],
  [["--port", ""], /^--port must be a number from 0 to 65535, and not ""/],
  [["--port", "-1"], /^--port needs a value/],
  [["--port=-1"], /^--port must be a number from 0 to 65535, and not "-1"/],
  [["--port", "1e3"], /^--port must be a number from 0 to 65535, and not "1e3"/],
  [["--admin-port", "65536"], /^--admin-port must be a number from 0 to 65535, and not "65536"/],
  [["--port", "5000", "--admin-port", "5000"], /^--port and --admin-port must differ \(both are 5000\)/],
  [["--data", ""], /^--data needs the name of a directory/],
  [["--quiet=no"], /^option '--quiet' does not take an argument/],
  [["--budget", "tenant:acme=10"], /^--budget "tenant:acme=10": must say the unit: usd, tokens, credits or points/],
  [["--budget", "tenant:a=1usd", "--budget", "tenant:A=2usd"], /^--budget "tenant:A=2usd": the scope has a budget/],
  [["--budget", "tenant:\u001b[31ma=1usd"], /^--budget "tenant:\\u001b\[31ma=1usd": the scope must be like/]
]

const tell = (args: ReadonlyArray<string>) => Effect.flip(Cli.run([dev(true)], "0.1.0", args))

describe("the command line", () => {
  for (const [args, says] of wrong) {
    it.effect(`refuses ${JSON.stringify(args.join(" "))}`, () =>
      Effect.map(tell(["dev", ...args]), ({ code, message }) => {
        assert.strictEqual(code, 2)
        assert.match(message, says)
        assert.match(message, /^[^\n\u001b]+ \(effect-cycles dev --help says more\)$/)
      }))
  }

  for (const [name, what] of [["serve", "command"], ["--verbose", "option"]] as const) {
    it.effect(`refuses ${name} before a command`, () =>
      Effect.map(tell([name]), ({ code, message }) => {
        const says = `there is no ${what} "${name}"; the commands are: dev (effect-cycles --help says more)`
        assert.deepStrictEqual([code, message], [2, says])
      }))
  }

  it.live("says it once, on the error output", () =>
    Effect.map(run(["dev", "--prot", "1"]), (ended) => {
      assert.deepStrictEqual(ended, {
        code: 2,
        stdout: "",
        stderr: "effect-cycles: unknown option '--prot' (effect-cycles dev --help says more)\n"
      })
    }), 30_000)

  it.live("says what there is", () =>
    Effect.gen(function*() {
      const [none, help, deep, version] = yield* Effect.all([
        run([]),
        run(["--help"]),
        run(["dev", "--port", "1", "-h"]),
        run(["--version"])
      ], { concurrency: 2 })
      assert.match(help.stdout, /^Usage: effect-cycles COMMAND/)
      assert.deepStrictEqual([help.code, help.stderr], [0, ""])
      assert.deepStrictEqual(none, help)
      assert.match(deep.stdout, /^Usage: effect-cycles dev/)
      const lines = deep.stdout.split("\n")
      assert.isBelow(lines.length, 24)
      assert.isTrue(lines.every((line) => line.length <= 120))
      assert.deepStrictEqual(version, { code: 0, stdout: "0.1.0\n", stderr: "" })
      assert.notMatch(help.stdout + deep.stdout, control)
    }), 30_000)
})

describe("colours", () => {
  it("are for terminals that want them", () => {
    const bold = (terminal: boolean, noColor: string, term: string) => colourOf(terminal, { noColor, term }).bold("x")
    assert.match(bold(true, "", "xterm"), control)
    assert.match(colourOf(true, { noColor: "", term: "" }).dim("x"), control)
    assert.strictEqual(bold(true, "1", "xterm"), "x")
    assert.strictEqual(bold(true, "", "dumb"), "x")
    assert.strictEqual(bold(false, "", "xterm"), "x")
  })
})
