/**
 * A real browser, where there is one.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { type BrowserContext, chromium } from "playwright-core"

const names = ["chromium", "chromium-browser", "google-chrome"]

/** The path of the browser, if this machine has one. */
export const browser = (process.env.PATH ?? "").split(delimiter)
  .flatMap((folder) => names.map((name) => join(folder, name)))
  .find(existsSync)

/** Why a test that needs a browser was skipped. */
export const notAtHand = `skipped: none of ${names.join(", ")} is on the PATH`

/** A browser without a window, with a profile of its own that ends with it. */
export const open = (executablePath: string): Effect.Effect<BrowserContext, never, Scope.Scope> =>
  Effect.gen(function*() {
    const profile = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-cycles-browser-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
    )
    return yield* Effect.acquireRelease(
      Effect.promise(() =>
        chromium.launchPersistentContext(profile, {
          executablePath,
          headless: true,
          args: [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync"
          ]
        })
      ),
      (context) => Effect.promise(() => context.close())
    )
  })
