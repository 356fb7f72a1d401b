import { assert, describe, it } from "@effect/vitest"
import * as esbuild from "esbuild"
import { fileURLToPath } from "node:url"
import * as vm from "node:vm"

const root = fileURLToPath(new URL("..", import.meta.url))

/** The program that runs in the bare context: a guarded call that the embedded authority answers, and one that it denies. */
const entry = `
import * as Effect from "effect/Effect"
import { Amount, Cycles, guarded } from "./src/index.ts"
import { Authority } from "./src/authority.ts"

const settled: Array<string> = []

const call = (cost: string, estimate: string) =>
  Effect.succeed({ text: "42", cost: Amount.usd(cost) }).pipe(
    guarded({
      action: { kind: "llm.completion", name: "gpt-4o" },
      estimate: Amount.usd(estimate),
      actual: (reply) => reply.cost,
      onSettled: (settlement) => Effect.sync(() => settled.push(settlement._tag))
    }),
    Effect.map((reply) => reply.text),
    Effect.catchTag("BudgetExceeded", (error) => Effect.succeed(error._tag))
  )

const program = Effect.gen(function*() {
  const answers = [yield* call("0.0021", "0.05"), yield* call("0.0021", "20")]
  const cycles = yield* Cycles
  const { value } = yield* cycles.getBalances({ tenant: "acme" })
  const [balance] = value.balances
  return { answers, settled, remaining: String(balance?.remaining), scope: balance?.scopePath }
})

export const main = (): Promise<unknown> =>
  Effect.runPromise(
    Effect.provide(program, Authority.layer({ budgets: [{ scope: "tenant:acme", allocated: Amount.usd("10") }] }))
  )
`

/** What `main` answers, as JSON: the bare context has its own `Object`. */
const expected = JSON.stringify({
  answers: ["42", "BudgetExceeded"],
  settled: ["Committed"],
  remaining: "$9.9979",
  scope: "tenant:acme"
})

interface Bundle {
  readonly code: string
  /** What the bundle still imports, as `importing file -> specifier`. */
  readonly left: ReadonlyArray<string>
  /** What it holds, as paths. */
  readonly inputs: ReadonlyArray<string>
}

const bundle = async (contents: string): Promise<Bundle> => {
  const result = await esbuild.build({
    stdin: { contents, loader: "ts", resolveDir: root, sourcefile: "entry.ts" },
    absWorkingDir: root,
    bundle: true,
    platform: "neutral",
    mainFields: ["module", "main"],
    format: "iife",
    globalName: "bundle",
    target: "es2022",
    external: ["node:*"],
    metafile: true,
    write: false,
    logLevel: "silent"
  })
  const left = Object.entries(result.metafile.inputs).flatMap(([file, input]) =>
    input.imports.filter((imported) => imported.external === true).map((imported) => `${file} -> ${imported.path}`)
  )
  return { code: result.outputFiles[0]?.text ?? "", left, inputs: Object.keys(result.metafile.inputs) }
}

/** Only what browsers and edge runtimes have too. No `process`, `Buffer` or `require`, and no network. */
const webGlobals = () => ({
  AbortController,
  AbortSignal,
  ArrayBuffer,
  Blob,
  DOMException,
  Event,
  EventTarget,
  FormData,
  Headers,
  ReadableStream,
  Request,
  Response,
  TextDecoder,
  TextEncoder,
  TransformStream,
  URL,
  URLSearchParams,
  Uint8Array,
  WritableStream,
  atob,
  btoa,
  clearInterval,
  clearTimeout,
  console,
  crypto,
  fetch: () => Promise.reject(new TypeError("no network here")),
  performance,
  queueMicrotask,
  setInterval,
  setTimeout,
  structuredClone
})

/** Runs the bundle in a context of its own and gives what it exports. */
const runBare = (code: string): Record<string, unknown> => {
  const context = vm.createContext(webGlobals())
  return vm.runInContext(`${code}\nbundle`, context, { timeout: 10_000 })
}

describe("bundle", () => {
  for (const file of ["src/index.ts", "src/authority.ts", "src/testing.ts"]) {
    it(`${file} needs web globals only`, { timeout: 30_000 }, async () => {
      const { code, inputs, left } = await bundle(`export * from "./${file}"`)
      assert.deepStrictEqual(left, [])
      assert.notMatch(inputs.join(" "), /gpt-tokenizer/)
      assert.isNotEmpty(Object.keys(runBare(code)))
    })
  }

  it("the portable entry answers a guarded call in a bare context", { timeout: 30_000 }, async () => {
    const { code, left } = await bundle(entry)
    assert.deepStrictEqual(left, [])
    const { main } = runBare(code) as { readonly main: () => Promise<unknown> }
    assert.strictEqual(JSON.stringify(await main()), expected)
  })

  it("notices a Node import", { timeout: 30_000 }, async () => {
    const { code, left } = await bundle(`export { sep } from "node:path"`)
    assert.deepStrictEqual(left, ["entry.ts -> node:path"])
    assert.throws(() => runBare(code), /node:path/)
  })
})
