import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const src = fileURLToPath(new URL("./src", import.meta.url))
const floor = { lines: 95, branches: 90 }

export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-cycles$/, replacement: `${src}/index.ts` },
      { find: /^effect-cycles\/(.+)$/, replacement: `${src}/$1.ts` }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    // A slow machine is not a wrong answer: what hangs is found all the same.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Much of it waits for clocks, sockets and processes: on two cores one worker would leave a core idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    minWorkers: 1,
    reporters: ["default", "json"],
    outputFile: { json: ".results/tests.json" },
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["text", "json-summary"],
      reportsDirectory: ".results/coverage",
      thresholds: {
        "src/protocol/**": floor,
        "src/client/**": floor,
        "src/lifecycle/**": floor,
        "src/guard/**": floor,
        "src/usage/**": floor,
        "src/authority/**": floor,
        "src/testing/**": floor
      }
    }
  }
})
