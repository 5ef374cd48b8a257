/**
 * Who asks: an access key and its secret, from the settings of one repository, the environment, or
 * the files that all clients share, in this order.
 *
 * What a repository's own settings say goes before the environment: that speaks of one store, and
 * its secrets are not to be shown to another.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { Failure } from "../../base/failure.ts";
import { readText } from "../files.ts";
import type { Whereabouts } from "./place.ts";

export interface S3Settings extends Whereabouts {
  readonly profile?: string | undefined;
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  readonly storageClass?: string | undefined;
  /** How long what is put stays undeletable, in days. */
  readonly lockDays?: number | undefined;
  readonly lockMode?: "governance" | "compliance" | undefined;
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** What of the machine is looked at. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A small text file; null where there is none. */
  read(path: string): string | null;
}

export const SYSTEM: Surroundings = { env: process.env, read: readText };

export interface Access extends Whereabouts {
  readonly credentials: Credentials;
}

type Section = Readonly<Record<string, string>>;

/** Settings, environment and shared files put together. */
export function findAccess(settings: S3Settings, around: Surroundings): Access {
  const { env } = around;
  const section = profileOf(settings, around);
  // A profile that the repository names speaks of this store; the environment of any.
  const first = (own: string | undefined, given: string | undefined, shared?: string) =>
    own ?? (settings.profile === undefined ? (given ?? shared) : (shared ?? given));
  const endpoint = first(
    settings.endpoint,
    filled(env.AWS_ENDPOINT_URL_S3) ?? filled(env.AWS_ENDPOINT_URL),
    section.endpoint_url,
  );
  const region = first(
    settings.region,
    filled(env.AWS_REGION) ?? filled(env.AWS_DEFAULT_REGION),
    section.region,
  );
  const { addressing, plainHttp = false } = settings;
  const credentials = chosen(settings, around, section);
  return { credentials, endpoint, region, addressing, plainHttp };
}

const filled = (text: string | undefined) => (text === "" ? undefined : text);

function chosen(settings: S3Settings, { env }: Surroundings, section: Section): Credentials {
  const own = pair(
    "the config file",
    settings.accessKeyId,
    settings.secretAccessKey,
    settings.sessionToken,
  );
  const surrounding = pair(
    "the environment",
    filled(env.AWS_ACCESS_KEY_ID),
    filled(env.AWS_SECRET_ACCESS_KEY),
    filled(env.AWS_SESSION_TOKEN),
  );
  const shared = pair(
    "the shared credentials file",
    section.aws_access_key_id,
    section.aws_secret_access_key,
    section.aws_session_token,
  );
  const found = own ?? (settings.profile ? shared : (surrounding ?? shared));
  if (found !== null) return found;
  const other = ["credential_process", "sso_session", "sso_start_url", "role_arn"];
  const kind = other.find((field) => section[field] !== undefined);
  const why = kind
    ? `the profile uses ${kind}, which holdall does not: export its keys into the environment`
    : "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE";
  throw new Failure("credentials", `no credentials for s3: ${why}`);
}

function pair(where: string, id?: string, secret?: string, token?: string): Credentials | null {
  if (id === undefined && secret === undefined) return null;
  if (id === undefined || secret === undefined) {
    throw new Failure("credentials", `${where} has only one of the access key and its secret`);
  }
  const keys = { accessKeyId: id, secretAccessKey: secret };
  return token === undefined ? keys : { ...keys, sessionToken: token };
}

/** What the shared files say of the profile; nothing where there is none and none was named. */
function profileOf(settings: S3Settings, around: Surroundings): Section {
  const { env } = around;
  const named = settings.profile ?? filled(env.AWS_PROFILE);
  const name = named ?? "default";
  const home = filled(env.HOME) ?? homedir();
  const path = (given: string | undefined, file: string) =>
    filled(given) ?? join(home, ".aws", file);
  const config = around.read(path(env.AWS_CONFIG_FILE, "config"));
  const shared = around.read(path(env.AWS_SHARED_CREDENTIALS_FILE, "credentials"));
  const inConfig = parseSections(config ?? "");
  const found = {
    ...(inConfig.get(`profile ${name}`) ?? (name === "default" ? inConfig.get(name) : undefined)),
    ...parseSections(shared ?? "").get(name),
  };
  if (named !== undefined && Object.keys(found).length === 0) {
    throw new Failure("credentials", `there is no profile ${named} in the shared files`);
  }
  return found;
}

/** Sections of the shared files; nested settings, which are indented, are left out. */
export function parseSections(text: string): Map<string, Section> {
  const sections = new Map<string, Record<string, string>>();
  let section: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const [, name] = /^\[\s*([^\]]+?)\s*\]/.exec(line) ?? [];
    const [, field, value] = /^([A-Za-z0-9_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined) {
      section = sections.get(name.replace(/\s+/g, " ")) ?? {};
      sections.set(name.replace(/\s+/g, " "), section);
    } else if (field !== undefined && value) section[field.toLowerCase()] = value;
  }
  return sections;
}
