import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), "utf8")
const lines = (text: string): number => text.replace(/\n$/, "").split("\n").length

const readme = read("README.md")
const examples = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".ts"))

describe("README", () => {
  it("shows examples/readme.ts as it is", () => {
    const blocks = Array.from(readme.matchAll(/^```ts\n(.*?)^```$/gms), ([, code]) => code)
    assert.include(blocks, read("examples/readme.ts"))
  })

  it("has fewer than 150 lines", () => {
    assert.isBelow(lines(readme), 150)
  })

  it("links only to what is there", () => {
    const links = Array.from(readme.matchAll(/\]\(([^)\s]+)\)/g), ([, target = ""]) => target)
    const relative = links.filter((target) => !/^(?:https?:|#)/.test(target))
    assert.isNotEmpty(relative)
    assert.deepStrictEqual(relative.filter((target) => !existsSync(join(root, target.replace(/#.*/, "")))), [])
  })

  it("links to every example", () => {
    const missing = examples.filter((name) => name !== "readme.ts" && !readme.includes(`(examples/${name})`))
    assert.deepStrictEqual(missing, [])
  })

  it("names only scripts and versions of package.json", () => {
    const { peerDependencies, scripts, version } = JSON.parse(read("package.json"))
    const named = Array.from(readme.matchAll(/npm (?:run )?(demo|test|examples)\b/g), ([, name = ""]) => name)
    assert.deepStrictEqual(named.filter((name) => !(name in scripts)), [])
    assert.include(readme, `${version}, not released yet`)
    for (const [name, range] of Object.entries<string>(peerDependencies)) {
      assert.include(readme, `${name}@${range.replace(/^\^|\.\d+$/g, "")}`)
    }
  })

  it("lists every variable of the configuration", () => {
    const documented = read("src/client/CyclesConfig.ts").matchAll(/(?:required|text|parsed)\("([A-Z_]+)"/g)
    const names = Array.from(documented, ([, name = ""]) => name)
    assert.isNotEmpty(names)
    // The levels below the workspace are named in the column of options.
    const implied = new Set(["APP", "WORKFLOW", "AGENT", "TOOLSET"])
    assert.deepStrictEqual(names.filter((name) => !implied.has(name) && !readme.includes(`CYCLES_${name}`)), [])
  })
})

describe("examples", () => {
  for (const name of examples) {
    it(`${name} has fewer than 60 lines`, () => {
      assert.isBelow(lines(read(join("examples", name))), 60)
    })
  }

  for (const name of readdirSync(join(root, "examples/demo")).filter((name) => name.endsWith(".ts"))) {
    it(`demo/${name} has fewer than 120 lines`, () => {
      assert.isBelow(lines(read(join("examples/demo", name))), 120)
    })
  }
})
