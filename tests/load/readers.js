// Prints what hdr-histogram-js reads in an interval log: per histogram one line of JSON with when it began in ms,
// its tag (- without one), and [index, count] of each bucket that holds something.
const fs = require('node:fs');
const hdr = require(`${process.env.NODE_PACKAGES}/node_modules/hdr-histogram-js`);

// Buckets of 64 bits: a long run has more calls than 32 hold.
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
