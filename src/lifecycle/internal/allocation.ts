/**
 * What a hold is made of: what its own work used, what is lent to children, what children have used. A step of JavaScript is atomic, so
 * that no two children draw the same part.
 */
import type * as Effect from "effect/Effect"
import type { Amount } from "../../protocol/Amount.js"
import { type Allocation as PublicAllocation, AllocationTypeId, type RunExhausted } from "../Nested.js"
import type { Backing } from "./handle.js"

/** What else bounds the work that is opened under a hold: its number, its time. */
export interface Gate {
  /** Counts one more, or says why there may be no more. */
  readonly enter: Effect.Effect<void, RunExhausted>
  /** Takes back the last `enter`, of work that never got its hold. */
  readonly leave: () => void
}

/**
 * - `guard`: the hold of work.
 * - `cap`: what is opened under it draws from it. `backed`: the authority holds the whole of it already.
 */
export type Kind = "guard" | "cap" | "backed"

/** What a hold is for. */
export interface Role {
  readonly kind?: Kind | undefined
  readonly gate?: Gate | undefined
  /** Told after every change, and when a child is refused what it asks for. */
  readonly onChange?: ((self: Allocation, refused?: Amount) => void) | undefined
}

/** How a hold is put into others. */
interface Place extends Role {
  /** Where it was drawn from, and what counts its spend. */
  readonly parent?: Allocation | undefined
  /** Whether its limit is set aside there. Without that it takes from the parent as it goes. */
  readonly setAside?: boolean | undefined
}

/** What a child needs to know of the hold it is a part of. */
export type Holder = Pick<Backing, "facts" | "lease">

const positive = (n: bigint): bigint => n > 0n ? n : 0n

export class Allocation implements PublicAllocation {
  readonly limit: Amount
  readonly kind: Kind
  /** The nearest cap, this one included. */
  readonly cap: Allocation | undefined
  readonly gate: Gate | undefined
  holder: Holder | undefined
  readonly #parent: Allocation | undefined
  readonly #setAside: boolean
  readonly #onChange: Role["onChange"]
  #own: bigint | undefined
  /** What the living children may still spend, and what they have spent so far of that. */
  #lent = 0n
  #living = 0n
  /** What the children that have ended spent, and how many of them did. */
  #used = 0n
  #spenders = 0
  #open = true

  constructor(limit: Amount, { gate, kind, onChange, parent, setAside }: Place = {}) {
    this.limit = limit
    this.kind = kind ?? "guard"
    this.cap = this.kind === "cap" || this.kind === "backed" ? this : parent?.cap
    this.gate = gate ?? parent?.gate
    this.#parent = parent
    this.#setAside = setAside ?? true
    this.#onChange = onChange
  }

  /** On the prototype: an allocation has no room for it. */
  get [AllocationTypeId](): typeof AllocationTypeId {
    return AllocationTypeId
  }

  /** Where what is opened under this stands: here. */
  get ground(): Allocation | undefined {
    return this
  }

  get #consumption(): bigint {
    return (this.#own ?? 0n) + this.#lent + this.#used
  }

  /** What the parent has to keep for it. */
  get #weight(): bigint {
    const consumption = this.#consumption
    return this.#setAside && consumption < this.limit.amount ? this.limit.amount : consumption
  }

  /** What was spent so far, by its own work and by children. */
  get spent(): bigint {
    return (this.#own ?? 0n) + this.#living + this.#used
  }

  /** What a child may draw. */
  get free(): bigint {
    if (!this.#open) return 0n
    const free = positive(this.limit.amount - this.#consumption)
    const above = this.#setAside ? undefined : this.#parent?.free
    return above !== undefined && above < free ? above : free
  }

  /** Whether anything was recorded: by its own work, or by a child. Zero counts. */
  get isMetered(): boolean {
    return this.#own !== undefined || this.#spenders > 0
  }

  get own(): bigint {
    return this.#own ?? 0n
  }

  /** The children that have ended: one that goes on when this ends records its spend by itself. */
  get children(): { readonly used: bigint; readonly spenders: number } {
    return { used: this.#used, spenders: this.#spenders }
  }

  #change(f: () => void): void {
    const weight = this.#weight
    const spent = this.spent
    f()
    const parent = this.#parent
    if (parent !== undefined && parent.#open) {
      parent.#change(() => {
        parent.#lent += this.#weight - weight
        parent.#living += this.spent - spent
      })
    }
    this.#onChange?.(this)
  }

  /** What its own work has used so far. */
  use(own: bigint): void {
    if (this.#open) this.#change(() => void (this.#own = own))
  }

  /** A child with a part that is set aside for it, when so much is free. */
  draw(part: Amount, role: Role = {}): Allocation | undefined {
    if (part.unit !== this.limit.unit || part.amount > this.free || !this.#open) {
      this.#onChange?.(this, part)
      return undefined
    }
    const child = new Allocation(part, { parent: this, ...role })
    this.#change(() => void (this.#lent += part.amount))
    return child
  }

  /** A child that spends what is free here, while this is open. */
  join(limit: Amount = this.limit, role: Role = {}): Allocation | undefined {
    return this.#open ? new Allocation(limit, { parent: this, setAside: false, ...role }) : undefined
  }

  /** Ends it with what it used in all, or with nothing. Says whether a parent counts that. */
  end(total: bigint | undefined): boolean {
    const parent = this.#parent
    const counts = this.#open && parent !== undefined && parent.#open
    if (counts) {
      parent.#change(() => {
        parent.#lent -= this.#weight
        parent.#living -= this.spent
        if (total === undefined) return
        parent.#used += total
        parent.#spenders += 1
      })
    }
    this.#open = false
    return counts
  }
}

/** The allocation that a handle gives out. Nothing else has its sign. */
export const allocationOf = (holder: { readonly allocation: PublicAllocation }): Allocation =>
  holder.allocation as Allocation

/** Of work that is only watched: it holds nothing, and what is opened under it stands where it would without it. */
export class Watched extends Allocation {
  readonly #around: Allocation | undefined

  constructor(limit: Amount, around: Allocation | undefined) {
    super(limit)
    this.#around = around
  }

  override get ground(): Allocation | undefined {
    return this.#around?.ground
  }
}
