// SPDX-License-Identifier: GPL-2.0-only
//
// Validates JSON lines on stdin with ajv: node validate.mjs SCHEMA. Names the first line that the schema refuses. It knows the schema
// and nothing else of this project.

import Ajv2020 from "ajv/dist/2020.js";
import { readFileSync } from "node:fs";

const NEWLINE = 10;
const schema = JSON.parse(readFileSync(process.argv[2], "utf8"));
// An unknown keyword or format is an error. Two of ajv's lints are off: the schema says types and keys once, in the part that others
// refer to, not again in each part.
const validate = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false }).compile(schema);
const decoder = new TextDecoder("utf-8", { fatal: true });
let count = 0;

function refuse(why) {
	console.error(`line ${count}: ${why}`);
	process.exit(1);
}

function check(line) {
	count++;
	let record;
	try {
		record = JSON.parse(decoder.decode(line));
	} catch (error) {
		refuse(error.message);
	}
	if (!validate(record))
		refuse(JSON.stringify(validate.errors.slice(0, 20)));
}

// Not by readline: it also ends lines at other characters than the newline.
let rest = Buffer.alloc(0);
for await (const chunk of process.stdin) {
	let data = rest.length ? Buffer.concat([rest, chunk]) : chunk;
	let begin = 0;
	for (let end; (end = data.indexOf(NEWLINE, begin)) >= 0; begin = end + 1)
		check(data.subarray(begin, end));
	rest = data.subarray(begin);
}
if (rest.length) {
	count++;
	refuse("no newline at the end");
}
if (!count) {
	console.error("no lines");
	process.exit(1);
}
console.log(`${count} lines are valid`);
