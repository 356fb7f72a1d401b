/**
 * Runs the test of one scenario in a process of its own. Argument: the id; standard input: the scenario as JSON. Standard output is one
 * JSON object, everything else goes to standard error.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { fileOf, isScenarioId, type Scenario, type ScenarioId, scenarios } from "./scenarios.js"

interface Verdict {
  readonly passed: boolean
  /** The tests that ran. */
  readonly native_tests: ReadonlyArray<string>
  readonly problems: ReadonlyArray<string>
}

const root = fileURLToPath(new URL("../../..", import.meta.url))
const folder = "test/conformance/recovery"

const refused = (...problems: ReadonlyArray<string>): Verdict => ({ passed: false, native_tests: [], problems })

/** What the input says otherwise than the scenario that our test was written for. */
const differences = (id: ScenarioId, text: string): ReadonlyArray<string> => {
  let input: unknown
  try {
    input = JSON.parse(text)
  } catch {
    return ["standard input is not JSON"]
  }
  if (typeof input !== "object" || input === null) return ["standard input is not a JSON object"]
  const told: Readonly<Record<string, unknown>> = { ...input }
  const { faults, level, precondition }: Scenario = scenarios[id]
  const said = told["id"] ?? told["scenario_id"]
  return [
    ...(said === id ? [] : [`standard input is about ${JSON.stringify(said)}, not about ${id}`]),
    ...Object.entries({ level, precondition, faults }).flatMap(([name, value]) =>
      told[name] === undefined || JSON.stringify(told[name]) === JSON.stringify(value)
        ? []
        : [`${name} of ${id} is not what the test shows: ${JSON.stringify(told[name])}`]
    )
  ]
}

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly assertionResults: ReadonlyArray<{ readonly fullName: string; readonly status: string }>
  }>
}

const run = (id: ScenarioId): Verdict => {
  const { level, test } = scenarios[id]
  const file = `${folder}/${fileOf(level)}`
  const temporary = mkdtempSync(join(tmpdir(), "recovery-adapter-"))
  try {
    const output = join(temporary, "report.json")
    const { error, status } = spawnSync(process.execPath, [
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      file,
      "--testNamePattern",
      `^${id} `,
      "--reporter=verbose",
      "--reporter=json",
      `--outputFile.json=${output}`,
      "--coverage.enabled=false"
    ], { cwd: root, stdio: ["ignore", 2, 2], timeout: 120_000, killSignal: "SIGKILL" })
    if (error !== undefined) return refused(`the tests could not be run: ${error.message}`)
    const report: Report = JSON.parse(readFileSync(output, "utf8"))
    const ran = report.testResults.flatMap(({ assertionResults }) => assertionResults).filter((one) =>
      ["passed", "failed"].includes(one.status)
    )
    const names = ran.map(({ fullName }) => fullName.trim())
    const problems = [
      ...(status === 0 ? [] : [`the tests ended with ${status}`]),
      ...(names.length === 1 && names[0] === test
        ? []
        : [`"${test}" was to run, and nothing else: ${names.join(", ")}`]),
      ...ran.filter((one) => one.status !== "passed").map(({ fullName }) => `failed: ${fullName.trim()}`)
    ]
    return { passed: problems.length === 0, native_tests: names.map((name) => `${file} > ${name}`), problems }
  } catch (error) {
    return refused(`the tests left no report: ${error instanceof Error ? error.name : typeof error}`)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

const verdictOn = (id: string | undefined): Verdict => {
  if (!isScenarioId(id)) return refused(`no scenario ${JSON.stringify(id ?? null)}`)
  const problems = differences(id, readFileSync(0, "utf8"))
  return problems.length > 0 ? refused(...problems) : run(id)
}

const [id] = process.argv.slice(2)
const { native_tests, passed, problems } = verdictOn(id)
for (const problem of problems) console.error(problem)
console.log(JSON.stringify({ scenario_id: id ?? "", passed, native_tests }))
process.exitCode = passed ? 0 : 1
