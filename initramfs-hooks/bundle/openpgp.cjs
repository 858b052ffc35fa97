'use strict';
// Stands for openpgp in the other bundles: four fifths of what a client is made of, and needed only when a server has
// been found. The launcher gives loadBundle to each bundle.
module.exports = loadBundle('openpgp');
