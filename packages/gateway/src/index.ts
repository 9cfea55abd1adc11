export type { ApiHandler, ApiRequest, ApiResponse, BodyResponse, StreamResponse } from "./http/api-types.ts";
export {
  createHttpServer,
  DEFAULT_HTTP_LIMITS,
  type HttpLimits,
  type HttpServer,
  type HttpServerOptions,
  type TlsMaterial,
} from "./http/server.ts";
export type { Credentials, CredentialsProvider } from "./protocol/sigv4.ts";
export { AwsError } from "./errors.ts";
export { Gateway, type GatewayOptions } from "./gateway.ts";
export { type GatewayServerOptions, type RunningGateway, startGateway } from "./server.ts";
export { NO_STREAM_METRICS, type StreamMetrics } from "./stream-metrics.ts";
