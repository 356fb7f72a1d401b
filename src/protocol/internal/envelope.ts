/**
 * From an envelope to the bytes that its id and its signature are made of.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import type { JsonError } from "../Json.js"
import { jcs } from "./jcs.js"

/** The SHA-256 of a text as 64 lowercase hexadecimal digits. */
export const hashOf = (text: string): string => Encoding.encodeHex(sha256(utf8ToBytes(text)))

/** The id of an envelope: the hash of its canonical text with an empty id and an empty signature. */
export const idOf = (envelope: object): Either.Either<string, JsonError> =>
  Either.map(jcs({ ...envelope, evidence_id: "", signature: "" }), hashOf)

/** What is signed: the canonical text with the id and an empty signature. */
export const signedBytes = (envelope: object, id: string): Either.Either<Uint8Array<ArrayBuffer>, JsonError> =>
  Either.map(jcs({ ...envelope, evidence_id: id, signature: "" }), (text) => new Uint8Array(utf8ToBytes(text)))

/** The text that is served: canonical, with the id and the signature. */
export const sealed = (envelope: object, id: string, signature: string): Either.Either<string, JsonError> =>
  jcs({ ...envelope, evidence_id: id, signature })
