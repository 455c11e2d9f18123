/** The real ports on Deno: clock, randomness, files, wss connections, cryptography; certificates on disk. */
export { AUTHORITY_DAYS, createAuthority, createKey, issueCertificate } from "./certificates.ts";
export { DataFolder } from "./data_folder.ts";
export { DenoPlatform, type DenoPlatformOptions } from "./deno_platform.ts";
export { type CertificateOptions, loadCertificates } from "./external_certificates.ts";
export { recover, type Recovered, type RecoverOptions } from "./recover.ts";
export { type Progress, saveBackup, verifyBackup } from "./backup_file.ts";
export { restore, type Restored, type RestoreOptions } from "./restore.ts";
export { checkRuntime, TESTED_DENO } from "./runtime.ts";
export { ensureSharedCertificates, type SharedCertificateOptions } from "./shared_certificates.ts";
export { LOW_WATER_BYTES, MAX_FRAME_BYTES } from "./wss_connection.ts";
export type { WssOptions } from "./wss_network.ts";
