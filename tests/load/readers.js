// Prints what hdr-histogram-js reads from an interval log: one line of JSON per histogram with its start in
// ms, its tag (- if it has none), and [index, count] of each bucket that is not empty.
const fs = require('node:fs');
const hdr = require(`${process.env.NODE_PACKAGES}/node_modules/hdr-histogram-js`);

// Buckets of 64 bits: a long run may have more calls than fit in 32.
const reader = new hdr.HistogramLogReader(fs.readFileSync(process.argv[2], 'utf8'), 64, false);
for (let read = reader.nextIntervalHistogram(); read; read = reader.nextIntervalHistogram()) {
    const counts = [];
    for (let index = 0; index < read.countsArrayLength; index++) {
        const count = read.getCountAtIndex(index);
        if (count) counts.push([index, count]);
    }
    const tag = read.tag === 'NO TAG' ? '-' : read.tag;
    console.log(JSON.stringify([read.startTimeStampMsec, tag, counts]));
}
