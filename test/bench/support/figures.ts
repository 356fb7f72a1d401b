/**
 * Samples of ways that take turns, and what to print of them.
 */
import type { Sample, Settings, Worker } from "./bench.js"

/** The samples of each way, by round. */
export type Rounds = ReadonlyMap<Worker, ReadonlyArray<Sample>>

/** The ways take turns, so that a slow moment of the machine meets all of them. */
export const takeTurns = async (
  workers: ReadonlyArray<Worker>,
  rounds: number,
  settingsOf: (worker: Worker) => Settings
): Promise<Rounds> => {
  const samples = new Map(workers.map((worker) => [worker, [] as Array<Sample>]))
  for (let round = 0; round < rounds; round++) {
    for (const [worker, taken] of samples) taken.push(await worker.sample(settingsOf(worker)))
  }
  return samples
}

const sorted = (numbers: ReadonlyArray<number>): ReadonlyArray<number> => [...numbers].sort((a, b) => a - b)

export const median = (numbers: ReadonlyArray<number>): number => {
  const all = sorted(numbers)
  const half = Math.floor(all.length / 2)
  return all.length % 2 === 1 ? all[half] ?? NaN : ((all[half - 1] ?? NaN) + (all[half] ?? NaN)) / 2
}

const text = (n: number, digits: number): string => n.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, " ")

/** `median (min to max)`. */
export const spread = (numbers: ReadonlyArray<number>, digits = 0): string => {
  const all = sorted(numbers)
  return `${text(median(all), digits)} (${text(all[0] ?? NaN, digits)} to ${text(all[all.length - 1] ?? NaN, digits)})`
}

/** Round by round, what one way has of another. */
export const ratios = <A>(
  of: ReadonlyArray<A>,
  to: ReadonlyArray<A>,
  figure: (sample: A) => number
): ReadonlyArray<number> => of.map((sample, n) => figure(sample) / figure(to[n] ?? sample))

/** A table in Markdown; the first row is its head, and all columns but the first are figures. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const [head = [], ...body] = rows
  const line = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  return [line(head), line(head.map((_, n) => n === 0 ? "---" : "---:")), ...body.map(line)].join("\n")
}
