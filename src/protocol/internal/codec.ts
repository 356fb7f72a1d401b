/**
 * Decoders and encoders that are derived from a schema and do the same as the schema in a fraction of the time, for values that fit. What
 * does not fit, and a schema of a kind that is not derived here, is left to the schema itself, which says what is wrong.
 */
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import * as Derived from "./derived.js"
import { type Step, unfit } from "./derived.js"
import * as Member from "./member.js"
import { type Class, classOf, isCommon, pairOf } from "./plain.js"
import { shellOf } from "./shell.js"

export { unfit } from "./derived.js"

/** Instead of the value of a member that is left out. */
const absent: unique symbol = Symbol("effect-cycles/absent")

const leave = (): typeof absent => absent

interface Move {
  /** The value written for one that is read: `unfit`, `absent`, or itself. */
  readonly of: Step
  /** The same when nothing is read. */
  readonly lacking: () => unknown
}

interface Moved extends Move {
  readonly from: PropertyKey
  readonly name: PropertyKey
  readonly mayLack: boolean
}

/** An object whose members are read under the one name and written under the other, in the order of the schema. */
const object = (members: ReadonlyArray<Moved>, rest: Step | undefined): Step => {
  const names = new Set(members.map(({ name }) => name))
  return (input) => {
    if (!Derived.isRecord(input)) return unfit
    const output: Record<PropertyKey, unknown> = {}
    for (const member of members) {
      const moved = member.mayLack && !Derived.has(input, member.from)
        ? member.lacking()
        : member.of(input[member.from])
      if (moved === unfit) return unfit
      if (moved !== absent) output[member.name] = moved
    }
    if (rest === undefined) return output
    for (const key of Object.keys(input)) {
      const value = rest(input[key])
      if (value === unfit) return unfit
      if (!names.has(key)) output[key] = value
    }
    return output
  }
}

const struct = (ast: AST.TypeLiteral, isDecoding: boolean): Step => {
  const members = Derived.named(ast).map(({ isOptional, name, type }) => ({
    from: name,
    name,
    mayLack: isOptional,
    of: step(type, isDecoding),
    lacking: leave
  }))
  const open = Derived.openOf(ast)
  if (members.length === 0 && open === undefined) return Derived.refuse()
  return object(members, open && step(open, isDecoding))
}

const Some = shellOf(Object.getPrototypeOf(Option.some(0)) as object) as new() => { value: unknown }

/** As `Option.some`. */
const someOf = (value: unknown): unknown => {
  const some = new Some()
  some.value = value
  return some
}

/** The part of a member's type that is there, beside `null` and `undefined`. */
const partOf = (ast: AST.AST): AST.AST => AST.isUnion(ast) ? ast.types[0] : Derived.refuse()

/** The ways of `Member`, without an `Option` around every value on its way. What is written is of its type because of the way it was made. */
const moves: ReadonlyArray<readonly [Member.Way, (type: AST.AST, isDecoding: boolean) => Move]> = [
  [Member.whole, (type, isDecoding) => ({ of: step(type, isDecoding), lacking: leave })],
  [Member.unlessNull, (type, isDecoding) => {
    const part = step(partOf(type), isDecoding)
    const none = isDecoding ? absent : unfit
    return { of: (value) => value === null ? none : value === undefined ? value : part(value), lacking: leave }
  }],
  [Member.asOption, (type, isDecoding) => {
    const part = step(partOf(type), isDecoding)
    if (!isDecoding) {
      return {
        of: (value) => !Option.isOption(value) ? unfit : Option.isNone(value) ? absent : part(value.value),
        lacking: leave
      }
    }
    return {
      of: (input) => {
        if (input === null || input === undefined) return Option.none()
        const value = part(input)
        return value === unfit ? unfit : someOf(value)
      },
      lacking: Option.none
    }
  }]
]

/** Any other way: by the functions of the schema. */
const otherwise = (
  change: AST.PropertySignatureTransformation["decode"],
  read: Step,
  write: Step,
  isOptional: boolean
): Move => {
  const put = (before: Option.Option<unknown>): unknown => {
    const after = change(before)
    return Option.isSome(after) ? write(after.value) : isOptional ? absent : write(undefined)
  }
  return {
    of: (input) => {
      const value = read(input)
      return value === unfit ? unfit : put(Option.some(value))
    },
    lacking: () => put(Option.none())
  }
}

const unchanged = (name: PropertyKey) => new AST.PropertySignatureTransformation(name, name, identity, identity)

/** A struct whose members change, or only their names. */
const renamed = (
  ast: AST.Transformation,
  { propertySignatureTransformations: changes }: AST.TypeLiteralTransformation,
  isDecoding: boolean
): Step => {
  const [source, target] = isDecoding ? [ast.from, ast.to] : [ast.to, ast.from]
  if (!AST.isTypeLiteral(source) || !AST.isTypeLiteral(target)) return Derived.refuse()
  if (Derived.openOf(source) !== undefined || Derived.openOf(target) !== undefined) return Derived.refuse()
  const sources = new Map(Derived.named(source).map((property) => [property.name, property]))
  const byName = new Map(changes.map((change) => [isDecoding ? change.to : change.from, change]))
  const moved = new Set(changes.map((change) => isDecoding ? change.from : change.to))
  const members = Derived.named(target).map(({ isOptional, name, type }): Moved => {
    const change = byName.get(name) ?? unchanged(name)
    const from = isDecoding ? change.from : change.to
    const property = sources.get(from)
    if (property === undefined || (from !== name && (sources.has(name) || moved.has(name)))) return Derived.refuse()
    sources.delete(from)
    const known = moves.find(([way]) => way.decode === change.decode && way.encode === change.encode)
    const move = known !== undefined
      ? known[1](isDecoding ? property.type : type, isDecoding)
      : otherwise(
        change[isDecoding ? "decode" : "encode"],
        step(property.type, isDecoding),
        step(type, isDecoding),
        isOptional
      )
    return { from, name, mayLack: property.isOptional, ...move }
  })
  return sources.size > 0 ? Derived.refuse() : object(members, undefined)
}

/** An instance is made of members that fit as they are, and what it is made of is all that is written. */
const instance = (known: Class, ast: AST.AST, isDecoding: boolean): Step => {
  const members = step(ast, isDecoding)
  return !isDecoding ? members : (input) => {
    const value = members(input)
    return value === unfit ? unfit : new known(value, true)
  }
}

const transformed = (ast: AST.Transformation, isDecoding: boolean): Step => {
  const { transformation } = ast
  if (transformation._tag === "TypeLiteralTransformation") return renamed(ast, transformation, isDecoding)
  const known = classOf(ast)
  if (known !== undefined) return instance(known, ast.from, isDecoding)
  const before = step(isDecoding ? ast.from : ast.to, isDecoding)
  const after = step(isDecoding ? ast.to : ast.from, isDecoding)
  if (transformation._tag === "ComposeTransformation") {
    return (input) => {
      const value = before(input)
      return value === unfit ? unfit : after(value)
    }
  }
  const pair = pairOf(ast)
  if (pair !== undefined) {
    const change = (isDecoding ? pair.decode : pair.encode) as Step
    return (input) => {
      const value = before(input)
      return value === unfit ? unfit : after(change(value))
    }
  }
  const change: Derived.Run<AST.Transformation> = isDecoding ? transformation.decode : transformation.encode
  return (input) => {
    const value = before(input)
    if (value === unfit) return unfit
    const changed = Derived.rightOf(change(value, AST.defaultParseOption, ast, input))
    return changed === unfit ? unfit : after(changed)
  }
}

const dropRefinements = (ast: AST.AST): AST.AST => AST.isRefinement(ast) ? dropRefinements(ast.from) : ast

const texts = new Map<string, string>()

/** The first text that was equal: of ten thousand answers that are kept, each text counts. */
const common = (text: string): string => {
  const known = texts.get(text)
  if (known !== undefined || text.length > 512) return known ?? text
  if (texts.size === 1024) texts.clear()
  texts.set(text, text)
  return text
}

const step = (ast: AST.AST, isDecoding: boolean): Step => {
  const literals = Derived.literalsOf(ast)
  // The literal itself, and not the text that is equal to it: of ten thousand answers that are kept, each text counts.
  if (literals !== undefined) {
    return (input) => {
      const at = literals.indexOf(input)
      return at < 0 ? unfit : literals[at]
    }
  }
  if (isCommon(ast)) return (input) => typeof input === "string" ? common(input) : unfit
  const one = Derived.simple(ast)
  if (one !== undefined) return (input) => one(input) ? input : unfit
  switch (ast._tag) {
    case "Union": {
      const any = Derived.members(ast, (type) => step(type, isDecoding))
      return (input) => {
        for (const member of any) {
          const output = member(input)
          if (output !== unfit) return output
        }
        return unfit
      }
    }
    case "TupleType": {
      const item = step(Derived.itemOf(ast), isDecoding)
      return (input) => {
        if (!Array.isArray(input)) return unfit
        // Of the length that it will have: one that grows takes room for 17.
        const output = new Array<unknown>(input.length)
        for (let n = 0; n < output.length; n++) {
          const value = item(input[n])
          if (value === unfit) return unfit
          output[n] = value
        }
        return output
      }
    }
    case "Refinement": {
      if (isDecoding) {
        const from = step(ast.from, true)
        return (input) => {
          const output = from(input)
          return output !== unfit && Derived.refined(ast, output) ? output : unfit
        }
      }
      const from = step(AST.typeAST(ast), true)
      const to = step(dropRefinements(ast.from), false)
      return (input) => {
        const value = from(input)
        return value === unfit ? unfit : to(value)
      }
    }
    case "Declaration":
      return Derived.declared(ast, isDecoding)
    case "TypeLiteral":
      return struct(ast, isDecoding)
    case "Transformation":
      return transformed(ast, isDecoding)
    default:
      return Derived.refuse()
  }
}

/** What is derived of a schema: `unfit` for what does not fit. Nothing when the schema is of a kind that is not derived. */
export const derivedOf = (schema: Schema.Schema.AnyNoContext) =>
  Derived.derive(() => ({ decode: step(schema.ast, true), encode: step(schema.ast, false) }))

type Parse<B> = (input: unknown) => Either.Either<B, ParseResult.ParseError>

const first = <B>(fast: Step | undefined, slow: Parse<B>): Parse<B> =>
  fast === undefined ? slow : (input) => {
    const output = fast(input)
    return output === unfit ? slow(input) : Either.right(output as B)
  }

/** As `Schema.decodeUnknownEither`. */
export const decodeUnknownEither = <A, I>(schema: Schema.Schema<A, I>): Parse<A> =>
  first(derivedOf(schema)?.decode, Schema.decodeUnknownEither(schema))

/** As `Schema.encodeUnknownEither`. */
export const encodeUnknownEither = <A, I>(schema: Schema.Schema<A, I>): Parse<I> =>
  first(derivedOf(schema)?.encode, Schema.encodeUnknownEither(schema))
