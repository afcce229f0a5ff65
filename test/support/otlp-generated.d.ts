/** What our tests use of OpenTelemetry's generated classes, whose own types say nothing of them. */
declare module "otlp-schema/build/src/generated/root.js" {
  type Message = {
    decode(bytes: Uint8Array): object;
    encode(message: object): { finish(): Uint8Array };
    toObject(message: object, options: object): object;
  };
  const root: {
    readonly opentelemetry: {
      readonly proto: {
        readonly collector: {
          readonly trace: {
            readonly v1: { readonly ExportTraceServiceRequest: Message; readonly ExportTraceServiceResponse: Message };
          };
        };
      };
    };
  };
  export = root;
}
