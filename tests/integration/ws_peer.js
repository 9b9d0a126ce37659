// SPDX-License-Identifier: Apache-2.0
// node-ws, driven line by line by ws_libraries.py: JSON commands in, JSON events out. Its Sender makes
// the frames, also those that its own API would refuse to send.
'use strict'
const crypto = require('crypto')
const readline = require('readline')
const WebSocket = require('ws')

const ALL_GONE = ['ECONNRESET', 'EPIPE']
let ws

function tell (...event) {
  process.stdout.write(JSON.stringify(event) + '\n')
}

function encode ({ opcode, fin, rsv, payload, cut }) {
  const options = { opcode, fin, mask: true, maskBuffer: crypto.randomBytes(4), readOnly: true }
  const bytes = Buffer.concat(WebSocket.Sender.frame(Buffer.from(payload, 'base64'), options))
  bytes[0] |= rsv << 4
  return cut === null ? bytes : bytes.subarray(0, cut)
}

const commands = {
  open ({ url }) {
    ws = new WebSocket(url, { perMessageDeflate: false })
    ws.on('open', () => {
      ws._socket.setNoDelay(true)
      tell('open')
    })
    ws.on('message', (data, isBinary) =>
      tell(isBinary ? 'binary' : 'text', data.length, crypto.createHash('sha256').update(data).digest('hex')))
    ws.on('pong', data => tell('pong', data.toString('hex')))
    ws.on('close', code => tell('close', code))
    // What is still being written when the server ends the connection has nowhere to go.
    ws.on('error', e => { if (!ALL_GONE.includes(e.code)) tell('error', e.message) })
  },
  send ({ frames, chop }) {
    const bytes = Buffer.concat(frames.map(encode))
    for (let at = 0; at < bytes.length; at += chop || bytes.length) {
      ws._socket.write(bytes.subarray(at, chop ? at + chop : undefined))
    }
  },
  ping ({ payload }) { ws.ping(Buffer.from(payload, 'base64')) },
  close ({ code }) { ws.close(code) }
}

readline.createInterface({ input: process.stdin }).on('line', line => {
  const command = JSON.parse(line)
  commands[command.do](command)
})
