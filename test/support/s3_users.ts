/** Users of real S3 servers who may do only what a policy says. */
import { randomBytes } from "node:crypto";
import type { Keys, S3Server } from "./s3server.ts";

export interface Policy {
  readonly Version: string;
  readonly Statement: readonly Readonly<Record<string, unknown>>[];
}

/**
 * A new user with this policy and no other right: of one bucket at versitygw, where a bucket has
 * one policy; a session of the owner's at minio. Fails with what the server says to the policy.
 */
export async function userWith(server: S3Server, bucket: string, policy: Policy): Promise<Keys> {
  return server.kind === "minio" ? session(server, policy) : member(server, bucket, policy);
}

async function member(server: S3Server, bucket: string, policy: Policy): Promise<Keys> {
  const [accessKeyId, secretAccessKey] = [1, 2].map(() => randomBytes(12).toString("hex"));
  const keys = { accessKeyId: accessKeyId ?? "", secretAccessKey: secretAccessKey ?? "" };
  const user = `<Account><Access>${keys.accessKeyId}</Access><Secret>${keys.secretAccessKey}</Secret><Role>user</Role></Account>`;
  const made = await server.ask("PATCH", "/create-user", { body: user });
  if (made.status >= 300) throw new Error(`no user: ${made.status} ${made.body}`);
  const Statement = policy.Statement.map((s) => ({ ...s, Principal: { AWS: [accessKeyId] } }));
  const body = JSON.stringify({ ...policy, Statement });
  const set = await server.ask("PUT", `/${bucket}?policy=`, { body });
  if (set.status >= 300) throw new Error(`no policy: ${set.status} ${set.body}`);
  return keys;
}

async function session(server: S3Server, policy: Policy): Promise<Keys> {
  const wanted = { Action: "AssumeRole", Version: "2011-06-15", DurationSeconds: "3600" };
  const body = new URLSearchParams({ ...wanted, Policy: JSON.stringify(policy) }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const said = await server.ask("POST", "/", { service: "sts", headers, body });
  if (said.status !== 200) throw new Error(`no session: ${said.status} ${said.body}`);
  const field = (name: string) => new RegExp(`<${name}>([^<]+)<`).exec(`${said.body}`)?.[1] ?? "";
  return {
    accessKeyId: field("AccessKeyId"),
    secretAccessKey: field("SecretAccessKey"),
    sessionToken: field("SessionToken"),
  };
}
