import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { getBytes } from "../../assets/modules/http.mjs";

let server;
let address;
const heard = [];

before(async () => {
  server = createServer((request, response) => {
    heard.push(request.headers["vaxtrace-after"]);
    response.setHeader("VaxTrace-Seq", "7");
    response.end(Buffer.from([1, 2, 255]));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${server.address().port}/values/demo/1/areas/0`;
});

after(() => server.close());

test("the server is told which push the octets have to include", async () => {
  const { bytes, seq } = await getBytes(address, { after: 0 });
  assert.deepEqual([...bytes], [1, 2, 255]);
  assert.equal(seq, 7);
  await getBytes(address, { after: 41, fresh: true });
  await getBytes(address);
  assert.deepEqual(heard, ["0", "41", undefined]);
});
