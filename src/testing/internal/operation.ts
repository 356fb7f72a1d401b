/**
 * Which operation a request is of.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { CyclesApi } from "../../protocol/Api.js"
import type { OperationName } from "../../protocol/CyclesError.js"

/** An operation of the protocol, or any other request. */
export type Operation = OperationName | "other"

const routes: Array<{ readonly name: OperationName; readonly method: string; readonly path: RegExp }> = []

HttpApi.reflect(CyclesApi, {
  onGroup: () => {},
  onEndpoint: ({ endpoint }) => {
    // The Api value knows its own names.
    const name = endpoint.name as OperationName
    const path = endpoint.path.replaceAll(".", "\\.").replace(/:[^/]+/g, "[^/]+")
    routes.push({ name, method: endpoint.method, path: new RegExp(`${path}$`) })
  }
})

/** The path of a request, without its query. */
export const pathOf = ({ url }: HttpClientRequest.HttpClientRequest): string =>
  URL.canParse(url) ? new URL(url).pathname : url.replace(/[?#].*$/s, "")

/** By method and the end of the path: a base URL may have a path of its own. */
export const operationOf = (request: HttpClientRequest.HttpClientRequest): Operation => {
  const path = pathOf(request)
  return routes.find((route) => route.method === request.method && route.path.test(path))?.name ?? "other"
}
