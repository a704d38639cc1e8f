// What face-api's own JavaScript says of pictures, for `crates/ganymede/src/deepfake/faces`: `reference/faces.json`.
//
//   npm install --no-save @vladmandic/face-api@1.7.15 @tensorflow/tfjs@4 @tensorflow/tfjs-backend-wasm@4
//   node reference/faces.mjs [--check]                  the drawn pictures of the tests
//   node reference/faces.mjs --folder FACES > OUT.json   portable grey maps (PGM) in a folder and the folders in it
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(path.join(process.cwd(), 'package.json'));
const faceapi = require('@vladmandic/face-api/dist/face-api.node-wasm.js');
const tf = require('@tensorflow/tfjs');
await tf.setBackend('wasm');
await tf.ready();

const models = path.join(path.dirname(require.resolve('@vladmandic/face-api/dist/face-api.node-wasm.js')), '../model');

function loaded(net, name) {
    const manifest = JSON.parse(fs.readFileSync(path.join(models, `${name}-weights_manifest.json`)));
    const files = manifest.flatMap((group) => group.paths).map((file) => fs.readFileSync(path.join(models, file)));
    const bytes = Uint8Array.from(Buffer.concat(files)).buffer;
    net.loadFromWeightMap(tf.io.decodeWeights(bytes, manifest.flatMap((group) => group.weights)));
    return net;
}

const detector = loaded(new faceapi.TinyFaceDetector(), 'tiny_face_detector_model');
const landmarks = loaded(new faceapi.FaceLandmark68Net(), 'face_landmark_68_model');
const expression = loaded(new faceapi.FaceExpressionNet(), 'face_expression_model');
const identity = loaded(new faceapi.FaceRecognitionNet(), 'face_recognition_model');

/** All that is said of a whole picture of RGB bytes. */
async function said(bytes, height, width) {
    const x = tf.tensor3d(Float32Array.from(bytes), [height, width, 3]);
    const found = await detector.locateFaces(x, { inputSize: 416, scoreThreshold: 0.5 });
    const marks = await landmarks.detectLandmarks(x);
    const all = {
        faces: found.map((face) => [face.box.x, face.box.y, face.box.width, face.box.height, face.score]),
        landmarks: marks.positions.flatMap((point) => [point.x, point.y]),
        expression: Object.values(await expression.predictExpressions(x)),
        identity: Array.from(await identity.computeFaceDescriptor(x)),
    };
    x.dispose();
    return all;
}

/** A face of ellipses, in whole numbers, so that every language draws the same. */
export function drawn(height, width, shift) {
    const bytes = [];
    const [cx, cy] = [(width >> 1) + shift, height >> 1];
    const r = Math.min(width, height);
    // Right and down of the middle, half the axes, all in hundredths of the shorter side; the colour.
    const ellipses = [
        [0, -8, 33, 38, [60, 42, 30]], [0, 2, 27, 35, [214, 170, 140]], [-11, -5, 6, 3, [245, 240, 235]],
        [11, -5, 6, 3, [245, 240, 235]], [-11, -5, 3, 3, [50, 35, 25]], [11, -5, 3, 3, [50, 35, 25]],
        [-11, -11, 7, 1, [70, 48, 35]], [11, -11, 7, 1, [70, 48, 35]], [0, 6, 4, 2, [180, 130, 105]],
        [0, 18, 11, 4, [165, 70, 70]], [0, 18, 9, 1, [90, 30, 30]],
    ];
    for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
            let colour = [(90 + ((x * 60) / width) | 0), (120 + ((y * 50) / height) | 0), 150];
            for (const [right, down, a, b, paint] of ellipses) {
                const [dx, dy] = [(x - cx) * 100 - right * r, (y - cy) * 100 - down * r];
                if (dx * dx * b * b + dy * dy * a * a <= a * a * b * b * r * r) {
                    const shade = ((x - cx) * 40 / r) | 0;
                    colour = paint.map((c) => Math.max(0, Math.min(255, c - shade)));
                }
            }
            bytes.push(...colour);
        }
    }
    return bytes;
}

function pgm(file) {
    let data = fs.readFileSync(file);
    if (data.toString('latin1', 0, 4) === 'P5\r\n') {
        // A transfer that took it for text made two bytes of every line feed.
        const undone = data.filter((byte, i) => byte !== 13 || data[i + 1] !== 10);
        const [header, width, height] = /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(undone.toString('latin1', 0, 64));
        if (undone.length === header.length + width * height) data = undone;
    }
    const [header, width, height] = /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(data.toString('latin1', 0, 64));
    const grey = data.subarray(header.length, header.length + width * height);
    return [Array.from(grey).flatMap((byte) => [byte, byte, byte]), Number(height), Number(width)];
}

function files(folder) {
    return fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.pgm')).sort();
}

const rounded = (value) => JSON.stringify(value, (_, x) => (typeof x === 'number' ? Number(x.toPrecision(7)) : x));
const flag = process.argv[2];
if (flag === '--folder') {
    const folder = process.argv[3];
    const all = {};
    for (const name of files(folder)) all[name.split(path.sep).join('/')] = await said(...pgm(path.join(folder, name)));
    console.log(rounded(all));
} else {
    const cases = [];
    for (const [height, width, shift] of [[120, 96, 0], [112, 150, -20], [150, 150, 6]]) {
        cases.push({ height, width, shift, ...(await said(drawn(height, width, shift), height, width)) });
    }
    const text = `[\n${cases.map(rounded).join(',\n')}\n]\n`;
    const file = path.join(path.dirname(fileURLToPath(import.meta.url)), 'faces.json');
    if (flag === '--check') {
        if (fs.readFileSync(file, 'utf8') !== text) throw new Error(`${file} is not what this script makes`);
    } else {
        fs.writeFileSync(file, text);
    }
}
