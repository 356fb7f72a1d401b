/**
 * The client of the chat endpoint.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ModelUrl } from "./model.js"

const Tokens = Schema.NonNegativeInt

/** Not every endpoint says what it used. */
const ChatReply = Schema.Struct({
  model: Schema.String,
  choices: Schema.NonEmptyArray(Schema.Struct({ message: Schema.Struct({ content: Schema.String }) })),
  usage: Schema.optionalWith(Schema.Struct({ prompt_tokens: Tokens, completion_tokens: Tokens }), { nullable: true })
})

export type ChatReply = typeof ChatReply.Type

export const chat = (model: string, prompt: string, maxTokens: number) =>
  Effect.gen(function*() {
    const url = yield* ModelUrl
    const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
    const request = yield* HttpClientRequest.post(`${url}/v1/chat/completions`).pipe(
      HttpClientRequest.bodyJson({ model, messages: [{ role: "user", content: prompt }], max_tokens: maxTokens })
    )
    return yield* Effect.flatMap(client.execute(request), HttpClientResponse.schemaBodyJson(ChatReply))
  })
