// Writes an image to a file as balenaEtcher writes it to a card, by balenaEtcher's own library, and prints what was
// written as JSON. Usage: node etcher.js IMAGE FILE JUDGE, with the folder of etcher-sdk in NODE_PATH. FILE must exist.
// With `card` as JUDGE, what is on the card is read again; with `map`, what is read from the image has the sums of its
// block map. The library does either.
'use strict';

const { File } = require('etcher-sdk/build/source-destination');
const { decompressThenFlash } = require('etcher-sdk/build/multi-write');

const [image, file, judge] = process.argv.slice(2);

let sparse = false;
const flash = decompressThenFlash({
  source: new File({ path: image }),
  destinations: [new File({ path: file, write: true })],
  onFail: (_destination, error) => {
    console.error(error);
    process.exitCode = 1;
  },
  onProgress: (progress) => {
    sparse = progress.sparse;
  },
  verify: judge === 'card',
});
flash
  .then(({ sourceMetadata, bytesWritten, failures }) => {
    const { name, size } = sourceMetadata;
    console.log(JSON.stringify({ name, size, bytesWritten, sparse, failures: failures.size }));
  })
  .catch((error) => {
    console.error(error);
    // Streams that the library leaves open would keep the process from its end.
    process.exit(1);
  });
