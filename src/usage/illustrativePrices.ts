/**
 * A price table to begin with.
 */
import type { PriceTable } from "./PriceTable.js"

/**
 * List prices of some models in dollars for a million tokens, as the public pages of their providers had them on the day in it. It is there
 * for examples and first steps: nobody keeps it up to date, contracts and regions differ, and `maxAgeDays` after that day its prices are
 * stale. To replace it, give `Prices.layer` a table of your own, or `Prices.layerRefreshed` where it comes from. To change some of it:
 *
 * ```ts
 * Prices.layer({
 *   ...illustrativePrices,
 *   source: "our contract",
 *   effectiveFrom: "2026-01-01",
 *   prices: illustrativePrices.prices.filter(({ model }) => model !== "gpt-4o").concat({
 *     model: "gpt-4o",
 *     perMillion: { input: "2.00", cacheRead: "1.00", output: "8.00", reasoning: "8.00" }
 *   })
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const illustrativePrices: PriceTable = {
  source: "illustrative list prices",
  pricedIn: "USD",
  effectiveFrom: "2025-11-25",
  verifiedOn: "2025-11-25",
  maxAgeDays: 550,
  prices: [
    {
      model: "gpt-4o",
      aliases: ["gpt-4o-2024-08-06", "gpt-4o-2024-11-20"],
      perMillion: { input: "2.50", cacheRead: "1.25", output: "10.00", reasoning: "10.00" },
      batchFactor: "0.5"
    },
    {
      model: "gpt-4o-mini",
      aliases: ["gpt-4o-mini-2024-07-18"],
      perMillion: { input: "0.15", cacheRead: "0.075", output: "0.60", reasoning: "0.60" },
      batchFactor: "0.5"
    },
    {
      model: "gpt-4.1",
      aliases: ["gpt-4.1-2025-04-14"],
      perMillion: { input: "2.00", cacheRead: "0.50", output: "8.00", reasoning: "8.00" },
      batchFactor: "0.5"
    },
    {
      model: "gpt-4.1-mini",
      aliases: ["gpt-4.1-mini-2025-04-14"],
      perMillion: { input: "0.40", cacheRead: "0.10", output: "1.60", reasoning: "1.60" },
      batchFactor: "0.5"
    },
    {
      model: "gpt-5",
      aliases: ["gpt-5-2025-08-07"],
      perMillion: { input: "1.25", cacheRead: "0.125", output: "10.00", reasoning: "10.00" },
      batchFactor: "0.5"
    },
    {
      model: "gpt-5-mini",
      aliases: ["gpt-5-mini-2025-08-07"],
      perMillion: { input: "0.25", cacheRead: "0.025", output: "2.00", reasoning: "2.00" },
      batchFactor: "0.5"
    },
    {
      model: "text-embedding-3-small",
      perMillion: { input: "0.02" },
      batchFactor: "0.5"
    },
    {
      model: "claude-sonnet-4-5",
      aliases: ["claude-sonnet-4-5-20250929"],
      perMillion: {
        input: "3.00",
        cacheRead: "0.30",
        cacheWrite5m: "3.75",
        cacheWrite1h: "6.00",
        output: "15.00",
        reasoning: "15.00",
        other: { webSearchRequests: "10000", webFetchRequests: "0" }
      },
      tiers: [{
        aboveInputTokens: 200_000,
        perMillion: {
          input: "6.00",
          cacheRead: "0.60",
          cacheWrite5m: "7.50",
          cacheWrite1h: "12.00",
          output: "22.50",
          reasoning: "22.50"
        }
      }],
      batchFactor: "0.5"
    },
    {
      model: "claude-haiku-4-5",
      aliases: ["claude-haiku-4-5-20251001"],
      perMillion: {
        input: "1.00",
        cacheRead: "0.10",
        cacheWrite5m: "1.25",
        cacheWrite1h: "2.00",
        output: "5.00",
        reasoning: "5.00",
        other: { webSearchRequests: "10000", webFetchRequests: "0" }
      },
      batchFactor: "0.5"
    },
    {
      model: "gemini-2.5-pro",
      perMillion: { input: "1.25", cacheRead: "0.125", output: "10.00", reasoning: "10.00" },
      tiers: [{
        aboveInputTokens: 200_000,
        perMillion: { input: "2.50", cacheRead: "0.25", output: "15.00", reasoning: "15.00" }
      }],
      batchFactor: "0.5"
    },
    {
      model: "gemini-2.5-flash",
      perMillion: {
        input: "0.30",
        cacheRead: "0.03",
        output: "2.50",
        reasoning: "2.50",
        other: { inputAudioTokens: "1.00" }
      },
      batchFactor: "0.5"
    }
  ]
}
