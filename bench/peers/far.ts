/**
 * The same peers with a bucket for a repository, as their manuals say for a server of one's own.
 * Whatever else a user could tune stays as it is by itself, such as the number of connections.
 */
import { type Command, type Peer, repositoryOf } from "./peer.ts";
import { HOLDALL, holdall, KOPIA, RUSTIC, restic } from "./table.ts";

/** A bucket of a server that speaks plain HTTP, and who may use it. */
export interface Bucket {
  readonly endpoint: string;
  readonly name: string;
  readonly key: string;
  readonly secret: string;
}

export interface FarPeer extends Peer {
  /** What another machine, whose whole world is `home`, does first to reach a repository. */
  readonly join: (home: string, first: string) => readonly Command[];
}

const REGION = "us-east-1";

const credentials = ({ key, secret }: Bucket): NodeJS.ProcessEnv => ({
  AWS_ACCESS_KEY_ID: key,
  AWS_SECRET_ACCESS_KEY: secret,
  AWS_REGION: REGION,
});

const far = (peer: Peer, env: FarPeer["env"], more: Partial<FarPeer> = {}): FarPeer => ({
  ...peer,
  join: () => [],
  ...more,
  env: (home) => ({ ...peer.env(home), ...env(home) }),
});

const takeKey: FarPeer["join"] = (home, first) => [["cp", `${first}/key`, `${home}/key`]];

/** All peers that can use this bucket. */
export function farPeers(bucket: Bucket): readonly FarPeer[] {
  const { endpoint, name, key, secret } = bucket;
  const address = `s3://${name}/repository`;
  const own = { ...credentials(bucket), AWS_ENDPOINT_URL: endpoint };
  const away = { ...own, HOLDALL_REPOSITORY: address };
  const kopia = [
    ...["s3", `--bucket=${name}`, `--endpoint=${new URL(endpoint).host}`, "--disable-tls"],
    ...[`--region=${REGION}`, `--access-key=${key}`, `--secret-access-key=${secret}`],
  ];
  const afterwards = KOPIA.init("").slice(2);
  return [
    far(HOLDALL, () => away, { join: takeKey }),
    {
      ...far(HOLDALL, () => own),
      name: "holdall, a folder, then sync",
      variant: true,
      init: (home) => [
        ...HOLDALL.init(home),
        holdall("-r", address, "init", "--replica-of", repositoryOf(home)),
      ],
      save: (_home, source) => holdall("backup", "-q", "--sync", address, source),
      restore: (_saved, out) => holdall("restore", "-q", "-r", address, "latest", "--to", out),
      show: ({ source }, file) => holdall("cat", "-r", address, `latest:${source}/${file}`),
      join: takeKey,
    },
    far(restic("restic", "auto"), () => ({
      ...credentials(bucket),
      RESTIC_REPOSITORY: `s3:${endpoint}/${name}`,
    })),
    // It looks for its settings below the home folder.
    far(RUSTIC, () => ({ RUSTIC_REPOSITORY: "opendal:s3" }), {
      init: (home) => [rusticSettings(home, bucket), ...RUSTIC.init(home)],
      join: (home) => [rusticSettings(home, bucket)],
    }),
    far(KOPIA, () => ({}), {
      init: () => [["kopia", "repository", "create", ...kopia], ...afterwards],
      join: () => [["kopia", "repository", "connect", ...kopia]],
    }),
  ];
}

function rusticSettings(home: string, { endpoint, name, key, secret }: Bucket): Command {
  const options = { bucket: name, root: "/", endpoint, region: REGION };
  const who = { access_key_id: key, secret_access_key: secret };
  const lines = Object.entries({ ...options, ...who }).map(([field, is]) => `${field} = "${is}"`);
  const text = ["[repository.options]", ...lines].join("\n");
  const folder = `${home}/.config/rustic`;
  return ["sh", "-c", `mkdir -p '${folder}'; printf '%s\\n' '${text}' >'${folder}/rustic.toml'`];
}
