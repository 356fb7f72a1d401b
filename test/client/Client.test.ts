import type * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Types from "effect/Types"
import * as Client from "../../src/client/Client.js"
import * as CyclesConfig from "../../src/client/CyclesConfig.js"
import type { CyclesApi } from "../../src/protocol/Api.js"
import type { OperationError, OperationName } from "../../src/protocol/CyclesError.js"
import * as Telemetry from "../../src/protocol/Telemetry.js"

type Groups = typeof CyclesApi extends HttpApi.HttpApi<infer _Id, infer G, infer _E, infer _R> ? G : never
type Endpoint = HttpApiGroup.HttpApiGroup.Endpoints<Groups>
type Named<Name extends string> = HttpApiEndpoint.HttpApiEndpoint.WithName<Endpoint, Name>

/** The arguments that an endpoint asks for: the one value of its path, then its query or its body. */
type Id<E extends HttpApiEndpoint.HttpApiEndpoint.Any> = HttpApiEndpoint.HttpApiEndpoint.PathParsed<E>
type Request<E extends HttpApiEndpoint.HttpApiEndpoint.Any> =
  | HttpApiEndpoint.HttpApiEndpoint.UrlParams<E>
  | HttpApiEndpoint.HttpApiEndpoint.Payload<E>
type Arguments<E extends HttpApiEndpoint.HttpApiEndpoint.Any> = [
  ...([Id<E>] extends [never] ? [] : [Id<E>[keyof Id<E>]]),
  ...([Request<E>] extends [never] ? [] : [Request<E>])
]

/** The client that the Api value promises. */
type Promised = {
  readonly [Name in OperationName]: (
    ...args: Arguments<Named<Name>>
  ) => Effect.Effect<Client.Reply<HttpApiEndpoint.HttpApiEndpoint.Success<Named<Name>>>, OperationError<Name>>
}

const same = <A, B>(..._proof: Types.Equals<A, B> extends true ? [] : ["these types differ"]) => {}

describe("the client", () => {
  it("has the operations of the Api value, with its types", () => {
    same<keyof Client.Client, HttpApiEndpoint.HttpApiEndpoint.Name<Endpoint>>()
    same<keyof Client.Client, OperationName>()
    same<
      { [Name in OperationName]: Parameters<Client.Client[Name]> },
      { [Name in OperationName]: Parameters<Promised[Name]> }
    >()
    same<
      { [Name in OperationName]: ReturnType<Client.Client[Name]> },
      { [Name in OperationName]: ReturnType<Promised[Name]> }
    >()
    // @ts-expect-error the comparison notices a difference
    same<keyof Client.Client, "decide">()
  })

  it.effect("has a method for each of them at run time, and nothing else", () =>
    Effect.gen(function*() {
      const config = yield* CyclesConfig.make({ baseUrl: "https://authority.example", apiKey: "key" })
      const http = HttpClient.make(() => Effect.never)
      const client = yield* Effect.provideService(Client.make(config), HttpClient.HttpClient, http)
      assert.sameMembers(Object.keys(client), [...Telemetry.operations])
      for (const method of Object.values(client)) assert.isFunction(method)
    }))
})
