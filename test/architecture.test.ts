import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { join, posix } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"

const root = fileURLToPath(new URL("..", import.meta.url))

/** What each room of `src` may import. The files directly in `src` put rooms together and may import any of them. */
const rooms: Record<string, ReadonlyArray<string>> = {
  protocol: [],
  client: ["protocol"],
  lifecycle: ["protocol", "client"],
  guard: ["protocol", "client", "lifecycle"],
  usage: ["protocol"],
  integrations: ["protocol", "client", "lifecycle", "guard", "usage"],
  authority: ["protocol"],
  // Expectations of the ledger, and whether its client is what asked.
  testing: ["protocol", "client", "lifecycle", "guard", "authority"],
  // A ledger on disk: what a store keeps is what the authority says.
  node: ["protocol", "client", "lifecycle", "guard", "authority"],
  cli: ["protocol", "client", "lifecycle", "guard", "usage", "integrations", "authority", "node"]
}
const nodeRooms = ["node", "cli"]
const nodePackages = ["@effect/platform-node", "libsql"]
const barrels = ["effect", "@effect/platform"]

interface Import {
  readonly specifier: string
  readonly typeOnly: boolean
}

/** Imports, re-exports, `import("x")` types and dynamic imports. */
const importsOf = (file: string, text: string): ReadonlyArray<Import> => {
  const found: Array<Import> = []
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      const typeOnly = ts.isImportDeclaration(node) ? node.importClause?.isTypeOnly === true : node.isTypeOnly
      found.push({ specifier: (node.moduleSpecifier as ts.StringLiteral).text, typeOnly })
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      found.push({ specifier: (node.argument.literal as ts.StringLiteral).text, typeOnly: true })
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [target] = node.arguments
      const specifier = target !== undefined && ts.isStringLiteralLike(target) ? target.text : "(computed)"
      found.push({ specifier, typeOnly: false })
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022))
  return found
}

/** `lossless-json/x` is part of `lossless-json`, `@effect/platform/x` of `@effect/platform`. */
const packageOf = (specifier: string): string =>
  specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")

const roomOf = (file: string): string | undefined => file.includes("/") ? file.slice(0, file.indexOf("/")) : undefined

const packageProblem = (room: string | undefined, specifier: string, declared: ReadonlyArray<string>) => {
  const name = packageOf(specifier)
  if (isBuiltin(specifier) || nodePackages.includes(name)) {
    return nodeRooms.includes(room ?? "") ? undefined : `only ${nodeRooms.join(" and ")} may use Node`
  }
  if (barrels.includes(specifier)) return "import a module of the package, not the barrel"
  return declared.includes(name) ? undefined : "not among dependencies or peerDependencies"
}

const roomProblem = (from: string | undefined, target: string): string | undefined => {
  if (target.startsWith("..")) return "leaves src"
  if (from === undefined) return undefined
  const to = roomOf(target)
  if (to === undefined) return `room ${from} may not import an entry file`
  if (to === from) return undefined
  return rooms[from]?.includes(to) === true ? undefined : `room ${from} may not import room ${to}`
}

/** Type-only imports leave no trace at run time, so they do not count. */
const cyclesOf = (graph: ReadonlyMap<string, ReadonlyArray<string>>): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const done = new Set<string>()
  const visit = (file: string, path: ReadonlyArray<string>): void => {
    if (path.includes(file)) {
      problems.push(`import cycle: ${[...path.slice(path.indexOf(file)), file].join(" -> ")}`)
      return
    }
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return problems
}

/** Every broken rule in `files`, which maps a path below `src` to its text. */
const check = (files: ReadonlyMap<string, string>, declared: ReadonlyArray<string>): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const graph = new Map<string, ReadonlyArray<string>>()
  for (const [file, text] of files) {
    const room = roomOf(file)
    if (room !== undefined && !(room in rooms)) problems.push(`${file}: room ${room} is not in the table`)
    const targets: Array<string> = []
    for (const { specifier, typeOnly } of importsOf(file, text)) {
      const local = specifier.startsWith(".")
      const target = posix.join(posix.dirname(file), specifier).replace(/\.js$/, ".ts")
      const problem = local ? roomProblem(room, target) : packageProblem(room, specifier, declared)
      if (problem !== undefined) problems.push(`${file} imports "${specifier}": ${problem}`)
      if (local && !typeOnly) targets.push(target)
    }
    graph.set(file, targets)
  }
  return [...problems, ...cyclesOf(graph)]
}

const readSources = (): ReadonlyMap<string, string> => {
  const files = new Map<string, string>()
  for (const entry of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).sort()) {
    const file = entry.replaceAll("\\", "/")
    if (file.endsWith(".ts")) files.set(file, readFileSync(join(root, "src", file), "utf8"))
  }
  return files
}

const declaredPackages = (): ReadonlyArray<string> => {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8")
  )
  return Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })
}

describe("architecture", () => {
  it("imports of src go one way", () => {
    const sources = readSources()
    assert.isAbove(sources.size, 0)
    assert.deepStrictEqual(check(sources, declaredPackages()), [])
  })

  const finds = (name: string, files: Record<string, string>, expected: ReadonlyArray<string>) =>
    it(name, () => {
      assert.deepStrictEqual(check(new Map(Object.entries(files)), ["effect", "@effect/platform"]), expected)
    })

  finds("accepts the allowed directions", {
    "index.ts": `export * from "./client/Cycles.js"\nexport * from "./authority/Ledger.js"`,
    "client/Cycles.ts": `import * as Effect from "effect/Effect"\nimport { a } from "../protocol/Amount.js"`,
    "protocol/Amount.ts": `import type { B } from "./Balance.js"`,
    "protocol/Balance.ts": `import { a } from "./Amount.js"`,
    "authority/Ledger.ts": `import { a } from "../protocol/Amount.js"`,
    "node/Files.ts": `import { join } from "node:path"`
  }, [])

  finds("rejects an import against the table, also of a type", {
    "client/Cycles.ts": `import type { L } from "../authority/Ledger.js"`,
    "authority/Ledger.ts": `export { c } from "../client/Cycles.js"`,
    "protocol/Api.ts": `import { g } from "../guard/guarded.js"\ntype G = import("../../test/x.js").G`,
    "guard/guarded.ts": `import { i } from "../index.js"`,
    "other/File.ts": ""
  }, [
    `client/Cycles.ts imports "../authority/Ledger.js": room client may not import room authority`,
    `authority/Ledger.ts imports "../client/Cycles.js": room authority may not import room client`,
    `protocol/Api.ts imports "../guard/guarded.js": room protocol may not import room guard`,
    `protocol/Api.ts imports "../../test/x.js": leaves src`,
    `guard/guarded.ts imports "../index.js": room guard may not import an entry file`,
    `other/File.ts: room other is not in the table`
  ])

  finds("rejects Node, barrels and undeclared packages", {
    "index.ts": `import { join } from "path"`,
    "client/Cycles.ts": `import { Effect } from "effect"\nimport type { HttpClient } from "@effect/platform"`,
    "lifecycle/Journal.ts": `const fs = await import("node:fs")\nimport "@effect/platform-node/NodeContext"`,
    "authority/Store.ts": `const sql = await import("libsql/promise")`,
    "guard/guarded.ts": `import { parse } from "yaml"`
  }, [
    `index.ts imports "path": only node and cli may use Node`,
    `client/Cycles.ts imports "effect": import a module of the package, not the barrel`,
    `client/Cycles.ts imports "@effect/platform": import a module of the package, not the barrel`,
    `lifecycle/Journal.ts imports "node:fs": only node and cli may use Node`,
    `lifecycle/Journal.ts imports "@effect/platform-node/NodeContext": only node and cli may use Node`,
    `authority/Store.ts imports "libsql/promise": only node and cli may use Node`,
    `guard/guarded.ts imports "yaml": not among dependencies or peerDependencies`
  ])

  finds("rejects an import cycle", {
    "protocol/A.ts": `import { b } from "./B.js"`,
    "protocol/B.ts": `export * from "./C.js"`,
    "protocol/C.ts": `import { a } from "./A.js"`
  }, ["import cycle: protocol/A.ts -> protocol/B.ts -> protocol/C.ts -> protocol/A.ts"])
})
