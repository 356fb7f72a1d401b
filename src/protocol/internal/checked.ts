/**
 * Constructors of a schema that cost little for what fits.
 */
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import { derivedOf } from "./codec.js"
import { type Step, unfit } from "./derived.js"
import { ofClass } from "./plain.js"
import { shellOf } from "./shell.js"

interface ClassOf extends Schema.Schema.AnyNoContext {
  readonly fields: Schema.Struct.Fields
}

type Constructor = new(props?: unknown, options?: Schema.MakeOptions) => object

/**
 * The class with the same constructor in all respects, except that members that fit are looked at by what is derived of the schema; what
 * does not fit is left to the class, which says what is wrong. A class with defaults, or of a kind that is not derived, remains as it is.
 */
export const checked = <C extends ClassOf>(base: C): C => {
  const derived = fitOf(base)
  if (derived === undefined) return base
  const fit: Step = derived
  const Base = base as unknown as Constructor
  const shells = new Map<object, new() => object>()
  const shellFor = (prototype: object): new() => object => {
    const known = shells.get(prototype)
    if (known !== undefined) return known
    const shell = shellOf(prototype)
    shells.set(prototype, shell)
    return shell
  }
  return class extends Base {
    static get ast(): AST.AST {
      return ofClass(Reflect.get(base, "ast", this) as AST.AST, this)
    }

    constructor(props?: unknown, options?: Schema.MakeOptions) {
      const isUnchecked = typeof options === "boolean" ? options : options?.disableValidation ?? false
      const members = isUnchecked ? props : fit({ ...props as object })
      if (members !== unfit) return Object.assign(new (shellFor(new.target.prototype))(), members)
      super(props, options)
    }
  } as unknown as C
}

const fitOf = ({ ast, fields }: ClassOf): Step | undefined =>
  AST.isTransformation(ast) && !Object.values(fields).some(Schema.isPropertySignature)
    ? derivedOf(Schema.make(AST.typeAST(ast.from)))?.decode
    : undefined

/** As the `make` of a branded text. */
export const maker = <A, I>(
  schema: Schema.Schema<A, I> & { readonly make: (text: string) => A }
): (text: string) => A => {
  const fit = derivedOf(Schema.typeSchema(schema))?.decode
  return fit === undefined ? schema.make : (text) => {
    const made = fit(text)
    return made === unfit ? schema.make(text) : made as A
  }
}
