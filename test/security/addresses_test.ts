import { assertEquals, assertThrows } from "@std/assert";
import { formatAddress, isAddress, isIpAddress, parseAddress } from "../../src/security/mod.ts";

Deno.test("parseAddress splits host and port", () => {
  for (
    const [address, host, port] of [
      ["localhost:7000", "localhost", 7000],
      ["a.example.org:1", "a.example.org", 1],
      ["node_1.svc:65535", "node_1.svc", 65535],
      ["10.0.0.1:80", "10.0.0.1", 80],
      ["[::1]:80", "::1", 80],
      ["[2001:db8::ffff:1.2.3.4]:80", "2001:db8::ffff:1.2.3.4", 80],
      ["[1:2:3:4:5:6:7:8]:80", "1:2:3:4:5:6:7:8", 80],
    ] as const
  ) {
    assertEquals(parseAddress(address), { host, port });
    assertEquals(formatAddress(host, port), address);
  }
});

Deno.test("parseAddress refuses what is none", () => {
  const bad = [
    "",
    ":",
    "a",
    "a:",
    ":1",
    "a:0",
    "a:65536",
    "a:-1",
    "a:1x",
    "a:1.5",
    "a b:1",
    "http://a:1",
    "a:1:2",
  ];
  const hosts = [
    "::1:1",
    "[a]:1",
    "[::1:1",
    "[]:1",
    "[:::]:1",
    "[1:2]:1",
    "[::1::]:1",
    "[12345::]:1",
    "256.1.1.1:1",
    "1.2.3:1",
    "-a:1",
    "a..b:1",
  ];
  for (const address of [...bad, ...hosts, `${"a".repeat(64)}:1`, `${"a.".repeat(130)}b:1`]) {
    assertEquals(isAddress(address), false, address);
  }
  assertThrows(() => parseAddress("::1:7000"), Error, "in brackets");
  assertThrows(() => parseAddress("host"), Error, "a port is missing");
  assertThrows(() => parseAddress("host:0"), Error, "from 1 to 65535");
});

Deno.test("parseAddress takes port 0 only where any port will do", () => {
  assertEquals(parseAddress("127.0.0.1:0", true), { host: "127.0.0.1", port: 0 });
  assertEquals(isAddress("127.0.0.1:0"), false);
});

Deno.test("isIpAddress tells addresses from names", () => {
  assertEquals(["1.2.3.4", "::", "fe80::1", "1.2.3", "localhost", "::g"].map(isIpAddress), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
