/** Bytes on a link: header, frames, metadata, checksums, chunks. Pure. */
export * from "./chunk.ts";
export * from "./frame.ts";
export * from "./frame_decoder.ts";
export * from "./frame_error.ts";
export * from "./frame_type.ts";
export * from "./header.ts";
export * from "./limits.ts";
export * from "./metadata.ts";
export * from "./route.ts";
