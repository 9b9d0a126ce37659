// SPDX-License-Identifier: Apache-2.0
// A webhook receiver for RyzeAPI, as its users write it: Authorization is what was configured, byte for byte, or the
// request is refused. One line of JSON for each event.
//
// HOOK_PORT, HOOK_AUTHORIZATION (base64 of its bytes)
'use strict'
const http = require('http')

// Node gives headers as Latin-1.
const authorization = Buffer.from(process.env.HOOK_AUTHORIZATION, 'base64').toString('latin1')

http.createServer((request, response) => {
  const chunks = []
  request.on('data', chunk => chunks.push(chunk)).on('end', () => {
    const given = request.headers.authorization
    const isGood = given === authorization && request.headers['content-type'] === 'application/json'
    response.writeHead(isGood ? 200 : 401).end()
    const body = isGood ? JSON.parse(Buffer.concat(chunks)) : {}
    console.log(JSON.stringify({ isGood, event: body.event, id: body.data && body.data.id, path: request.url }))
  })
}).listen(Number(process.env.HOOK_PORT), '127.0.0.1', () => console.log('{"listening":true}'))
