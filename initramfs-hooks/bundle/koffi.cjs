'use strict';
// Stands for koffi's JavaScript in the bundle: the binary lies beside it.
module.exports = require('./koffi.node');
