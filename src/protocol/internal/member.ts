/**
 * Members of an object on the wire, each under its snake_case name. The ways in which they are changed are values, known again by whoever
 * derives something from a schema: what such a member is read as is then of the type that is asked for, and need not be looked at again.
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"

type Any = Option.Option<unknown>

export interface Way {
  readonly decode: (self: Any) => Any
  readonly encode: (self: Any) => Any
}

const same = (self: Any): Any => self

/** What is there, or not, as it is. */
export const whole: Way = { decode: same, encode: same }

/** What is there unless it is `null`. */
export const unlessNull: Way = { decode: Option.filter(Predicate.isNotNull), encode: same }

/** What is there unless it is `null` or `undefined`, in an `Option` that is always there. */
export const asOption: Way = {
  decode: (self) => Option.some(Option.filter(self, Predicate.isNotNullable)),
  encode: (self) => Option.flatten(self as Option.Option<Any>)
}

const member = (
  way: Way,
  from: { readonly key: string; readonly ast: AST.AST; readonly isOptional: boolean },
  to: { readonly ast: AST.AST; readonly isOptional: boolean }
) =>
  new Schema.PropertySignatureTransformation(
    new Schema.FromPropertySignature(from.ast, from.isOptional, true, {}, from.key),
    new Schema.ToPropertySignature(to.ast, to.isOptional, true, {}, undefined),
    way.decode,
    way.encode
  )

/** A property that must be there. */
export const required = <const K extends string, A, I>(
  key: K,
  schema: Schema.Schema<A, I>
): Schema.PropertySignature<":", A, K, ":", I> =>
  Schema.makePropertySignature(
    member(whole, { key, ast: schema.ast, isOptional: false }, {
      ast: Schema.typeSchema(schema).ast,
      isOptional: false
    })
  )

/** A query parameter: always optional, never `null`. */
export const query = <const K extends string, A, I extends string>(
  key: K,
  schema: Schema.Schema<A, I>
): Schema.PropertySignature<"?:", A | undefined, K, "?:", I | undefined> => {
  const { ast } = Schema.UndefinedOr(schema)
  return Schema.makePropertySignature(
    member(whole, { key, ast, isOptional: true }, { ast: AST.typeAST(ast), isOptional: true })
  )
}

/** A property that a request may leave out; `null` on the wire counts as left out. */
export const optional = <const K extends string, A, I>(
  key: K,
  schema: Schema.Schema<A, I>
): Schema.PropertySignature<"?:", A | undefined, K, "?:", I | null | undefined> =>
  Schema.makePropertySignature(
    member(
      unlessNull,
      { key, ast: Schema.NullishOr(schema).ast, isOptional: true },
      { ast: Schema.UndefinedOr(Schema.typeSchema(schema)).ast, isOptional: true }
    )
  )

/** A property that a response may leave out, read as an `Option`; `null` on the wire is `None`. */
export const option = <const K extends string, A, I>(
  key: K,
  schema: Schema.Schema<A, I>
): Schema.PropertySignature<":", Option.Option<A>, K, "?:", I | null | undefined> =>
  Schema.makePropertySignature(
    member(
      asOption,
      { key, ast: Schema.NullishOr(schema).ast, isOptional: true },
      { ast: Schema.OptionFromSelf(Schema.typeSchema(schema)).ast, isOptional: false }
    )
  )
