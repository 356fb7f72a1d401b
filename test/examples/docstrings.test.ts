import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"

const root = fileURLToPath(new URL("../..", import.meta.url))
const config = join(root, "test/tsconfig.json")

/** Every file of `src`, with its text. */
const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => ({ file: file.replaceAll("\\", "/"), text: readFileSync(join(root, "src", file), "utf8") }))

type Source = typeof sources[number]

/** The examples of a file, each as a module that lies beside the examples of the repository. */
const examplesOf = ({ file, text }: Source): ReadonlyArray<readonly [name: string, code: string]> =>
  Array.from(text.matchAll(/^ *\* @example\n *\* ```ts\n(.*?)^ *\* ```$/gms), ({ 1: block = "", index }) => {
    const line = text.slice(0, index).split("\n").length
    const code = block.replace(/^ *\* ?/gm, "")
    return [join(root, "examples", `${file.replaceAll("/", "-").replace(/\.ts$/, "")}-${line}.ts`), code]
  })

const examples = new Map(sources.flatMap(examplesOf))

const problems = (): ReadonlyArray<string> => {
  const { config: raw } = ts.readConfigFile(config, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(raw, ts.sys, dirname(config))
  const base = ts.createCompilerHost({ ...options, noEmit: true })
  const host: ts.CompilerHost = {
    ...base,
    fileExists: (file) => examples.has(file) || base.fileExists(file),
    readFile: (file) => examples.get(file) ?? base.readFile(file),
    getSourceFile: (file, version, ...rest) => {
      const code = examples.get(file)
      return code === undefined
        ? base.getSourceFile(file, version, ...rest)
        : ts.createSourceFile(file, code, version, true)
    }
  }
  const program = ts.createProgram([...examples.keys()], { ...options, noEmit: true, composite: false }, host)
  return [...examples.keys()].flatMap((name) => {
    const file = program.getSourceFile(name)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(({ messageText }) =>
      `${name.slice(root.length)}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`
    )
  })
}

/** A line without a star ends up in the code of an editor's hover as it is: the example would compile all the same. */
const strays = ({ file, text }: Source): ReadonlyArray<string> =>
  Array.from(text.matchAll(/^ *\/\*\*\n(.*?)\*\/$/gms), ({ 1: lines = "" }) => lines.split("\n").slice(0, -1)).flatMap((
    lines
  ) => lines.filter((line) => !/^ *\*/.test(line)).map((line) => `${file}: ${line}`))

const declaration = /^\/\*\*((?:(?!\*\/).)*)\*\/\nexport (?:const|class|interface|type|function) (\w+)/gms

/** What is exported without a sentence about it. A type and the schema of its name share one. */
const untold = ({ file, text }: Source): ReadonlyArray<string> => {
  const docs = Array.from(
    text.matchAll(declaration),
    ([, doc = "", name]) => ({ name, isTold: !/^[\s*]*@since/.test(doc) })
  )
  const told = new Set(docs.flatMap(({ isTold, name }) => isTold ? [name] : []))
  return docs.flatMap(({ name }) => told.has(name) ? [] : [`${file}: ${name}`])
}

describe("docstrings", () => {
  it("say something", () => {
    assert.deepStrictEqual(sources.flatMap(untold), [])
  })

  it("have a star before every line", () => {
    assert.deepStrictEqual(sources.flatMap(strays), [])
  })
})

describe("examples in docstrings", () => {
  it("compile", () => {
    assert.isAbove(examples.size, 10)
    assert.deepStrictEqual(problems(), [])
  }, 120_000)
})
