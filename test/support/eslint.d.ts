/** All that the types of the product's TOML parser want of a package it does not depend on. */
declare module "eslint" {
  export * as SourceCode from "eslint-visitor-keys";
}
