/** Everything a verb tells while it runs: the closed union that `--json` prints line by line. */

export type HoldallEvent =
  | {
      readonly event: "progress";
      readonly files: number;
      readonly bytes: number;
      readonly newBytes: number;
      readonly storedBytes: number;
      readonly totalFiles?: number;
      readonly totalBytes?: number;
    }
  | {
      readonly event: "trouble";
      readonly path: string;
      readonly pathBase64?: string;
      readonly message: string;
    }
  | { readonly event: "warning"; readonly message: string }
  | {
      readonly event: "snapshot";
      readonly id: string;
      readonly parent: string | null;
      readonly files: number;
      readonly bytes: number;
      readonly newBytes: number;
      readonly storedBytes: number;
      readonly troubles: number;
      readonly dryRun: boolean;
    };
