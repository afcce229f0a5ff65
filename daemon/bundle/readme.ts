/** The page that a person reads who has a bundle and no bifrost: how to check it with other tools, and how to begin. */
import type { Manifest } from "./manifest.ts";

export type ReadmeOptions = { readonly folder: string; readonly manifest: Manifest; readonly publicKey: string };

export function renderReadme({ folder, manifest, publicKey }: ReadmeOptions): string {
  const { version, platform, commit, catalogDate } = manifest;
  const key = publicKey.trim().split("\n").at(-1)!;
  return `bifrost ${version} for ${platform}
commit ${commit}, price table of ${catalogDate}

1. Unpack this file

    tar xf bifrost.bundle && cd ${folder}

2. Check who made it

   The public key must come to you on another way than this file. The key that signed this one calls itself

    ${key}

   With minisign (https://jedisct1.github.io/minisign/), and the key you were given in place of KEY:

    minisign -V -P KEY -m SHA256SUMS

3. Check that nothing was changed

    sha256sum -c SHA256SUMS

   Every file but SHA256SUMS and its signature is listed there.

4. Install

    gunzip -k bifrost.gz && chmod +x bifrost && cd ..
    ${folder}/bifrost bundle install bifrost.bundle --pubkey KEY            for yourself, in ~/.local/lib/bifrost
    ${folder}/bifrost bundle install bifrost.bundle --pubkey KEY --system   for the machine, in /opt/bifrost, as a service

   It checks the bundle again, all of it, before it changes anything. Nothing is downloaded. The next bundle with the
   same key is installed over this one without --pubkey, and "bifrost bundle rollback" goes back.

What is in here
    bifrost.gz             the program; nothing else is needed to run it
    config.example.yaml    every setting, explained
    bifrost.service        a unit for systemd
    bifrost.1              the manual page
    docs/                  documentation as HTML; begin with docs/index.html
    prices.json            the price table
    licences.txt           of everything that is part of the program
    sbom.cdx.json          its parts, as CycloneDX
    sbom.spdx.json         the same as SPDX
    manifest.json          what the installer reads
`;
}
