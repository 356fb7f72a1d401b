// Runs against the installed package, in a folder that holds nothing else.
import * as library from "effect-cycles"
import * as authority from "effect-cycles/authority"

for (const [name, entry] of Object.entries({ "effect-cycles": library, "effect-cycles/authority": authority })) {
  const names = Object.keys(entry)
  if (names.length === 0) throw new Error(`${name} exports nothing`)
  console.log(`${name}: ${names.join(", ")}`)
}
