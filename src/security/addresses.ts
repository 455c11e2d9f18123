/** Addresses as settings, invitations and dials write them: `host:port`, an IPv6 host in brackets (RFC 3986 section 3.2.2). */
import { SennitError } from "../core/errors.ts";

/** RFC 1035 section 2.3.4: a whole DNS name has at most 255 octets, of which 253 are visible. */
export const MAX_HOST_LENGTH = 253;

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const DNS_NAME =
  /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;
const ALL_DIGITS_AND_DOTS = /^[\d.]+$/;

/** Splits and checks `host:port`; throws `INVALID_ARGUMENT`. Port 0 ("any") only where `allowAnyPort`. */
export function parseAddress(address: string, allowAnyPort = false): HostPort {
  const colon = address.lastIndexOf(":");
  const hostText = address.slice(0, Math.max(colon, 0));
  const portText = address.slice(colon + 1);
  const bracketed = hostText.startsWith("[") && hostText.endsWith("]");
  const host = bracketed ? hostText.slice(1, -1) : hostText;
  if (colon < 0) throw invalid(address, "a port is missing, as in host:7000");
  if (bracketed ? !isIpv6(host) : !isHostName(host)) {
    throw invalid(
      address,
      !bracketed && isIpv6(host)
        ? "write an IPv6 host in brackets, as in [::1]:7000"
        : "the host is not a name",
    );
  }
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : -1;
  if (port < (allowAnyPort ? 0 : 1) || port > 65535) {
    throw invalid(address, `the port is not a number from ${allowAnyPort ? 0 : 1} to 65535`);
  }
  return { host, port };
}

export function isAddress(address: string, allowAnyPort = false): boolean {
  try {
    parseAddress(address, allowAnyPort);
    return true;
  } catch {
    return false;
  }
}

export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isIpAddress(host: string): boolean {
  return IPV4.test(host) || isIpv6(host);
}

function isHostName(host: string): boolean {
  if (ALL_DIGITS_AND_DOTS.test(host)) return IPV4.test(host);
  return host.length <= MAX_HOST_LENGTH && DNS_NAME.test(host);
}

/** RFC 4291 section 2.2: eight groups, one `::` for a run of zeros, the last two groups perhaps as IPv4. */
function isIpv6(host: string): boolean {
  if (host.length < 2 || host.length > 45) return false;
  const halves = host.split("::");
  if (halves.length > 2) return false;
  let groups = 0;
  for (let h = 0; h < halves.length; h++) {
    const half = halves[h]!;
    if (half === "") {
      if (halves.length === 1) return false;
      continue;
    }
    const parts = half.split(":");
    for (let p = 0; p < parts.length; p++) {
      const part = parts[p]!;
      const isLast = h === halves.length - 1 && p === parts.length - 1;
      if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups += 1;
      else if (isLast && IPV4.test(part)) groups += 2;
      else return false;
    }
  }
  return halves.length === 2 ? groups <= 7 : groups === 8;
}

function invalid(address: string, why: string): SennitError {
  const shown = address.slice(0, 300);
  return new SennitError("INVALID_ARGUMENT", `Not an address: ${JSON.stringify(shown)}: ${why}`, {
    details: { address: shown },
  });
}
