/** Names, addresses, invitations and secrets: the pure part of security. Keys and certificates are the platform's. */
export {
  formatAddress,
  type HostPort,
  isAddress,
  isIpAddress,
  MAX_HOST_LENGTH,
  parseAddress,
} from "./addresses.ts";
export { fromBase64Url, toBase64Url } from "./base64url.ts";
export {
  AUTHORITY_HASH_BYTES,
  decodeInvitation,
  encodeInvitation,
  type Invitation,
  INVITATION_PREFIX,
  isExpired,
  MAX_INVITATION_ADDRESSES,
  MAX_INVITATION_LENGTH,
  MAX_MESH_ID_BYTES,
} from "./invitation.ts";
export { checkNodeName, isNodeName, MAX_NAME_LENGTH, nodeNumberOf } from "./names.ts";
export { equalSecrets, hashInvitationSecret, matchesInvitationSecret, SECRET_BYTES } from "./secrets.ts";
