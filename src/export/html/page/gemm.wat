;; y = x · w for row-major x (rows, inputs) and y (rows, outputs), all f32.
;;
;; w is stored as panels of 8 columns, each row by row, the last one padded. A tile of 4 rows and 8
;; columns of y is accumulated in 8 registers. x and y must have memory for whole tiles of rows.
;;
;; Panels run from the last to the first, and rows from the first to the last: the padding of the
;; last panel spills into the first columns of the next row, which are written later.
(module
  (import "page" "memory" (memory 1))
  (func (export "gemm")
    (param $y i32) (param $x i32) (param $w i32)      ;; addresses
    (param $tiles i32) (param $inputs i32) (param $outputs i32)
    (local $x_stride i32) (local $y_stride i32) (local $panel_bytes i32) (local $panel i32)
    (local $row i32)
    (local $w_at i32) (local $w_end i32)
    (local $x0 i32) (local $x1 i32) (local $x2 i32) (local $x3 i32)
    (local $y_at i32) (local $y_row i32)
    (local $w_left v128) (local $w_right v128) (local $value v128)
    (local $y00 v128) (local $y01 v128) (local $y10 v128) (local $y11 v128)
    (local $y20 v128) (local $y21 v128) (local $y30 v128) (local $y31 v128)

    (local.set $x_stride (i32.shl (local.get $inputs) (i32.const 2)))
    (local.set $y_stride (i32.shl (local.get $outputs) (i32.const 2)))
    (local.set $panel_bytes (i32.shl (local.get $inputs) (i32.const 5)))
    (local.set $panel (i32.shr_u (i32.add (local.get $outputs) (i32.const 7)) (i32.const 3)))

    (loop $panels
      (local.set $panel (i32.sub (local.get $panel) (i32.const 1)))
      (local.set $row (local.get $tiles))
      (local.set $x3 (local.get $x))
      (local.set $y_at
        (i32.add (local.get $y) (i32.shl (local.get $panel) (i32.const 5))))

      (loop $rows
        ;; After a tile, $x3 is at the end of its last row.
        (local.set $x0 (local.get $x3))
        (local.set $x1 (i32.add (local.get $x0) (local.get $x_stride)))
        (local.set $x2 (i32.add (local.get $x1) (local.get $x_stride)))
        (local.set $x3 (i32.add (local.get $x2) (local.get $x_stride)))
        (local.set $w_at
          (i32.add (local.get $w) (i32.mul (local.get $panel) (local.get $panel_bytes))))
        (local.set $w_end (i32.add (local.get $w_at) (local.get $panel_bytes)))
        (local.set $y00 (v128.const f32x4 0 0 0 0))
        (local.set $y01 (local.get $y00))
        (local.set $y10 (local.get $y00))
        (local.set $y11 (local.get $y00))
        (local.set $y20 (local.get $y00))
        (local.set $y21 (local.get $y00))
        (local.set $y30 (local.get $y00))
        (local.set $y31 (local.get $y00))

        (loop $sum
          (local.set $w_left (v128.load (local.get $w_at)))
          (local.set $w_right (v128.load offset=16 (local.get $w_at)))

          (local.set $value (v128.load32_splat (local.get $x0)))
          (local.set $y00
            (f32x4.add (local.get $y00) (f32x4.mul (local.get $value) (local.get $w_left))))
          (local.set $y01
            (f32x4.add (local.get $y01) (f32x4.mul (local.get $value) (local.get $w_right))))

          (local.set $value (v128.load32_splat (local.get $x1)))
          (local.set $y10
            (f32x4.add (local.get $y10) (f32x4.mul (local.get $value) (local.get $w_left))))
          (local.set $y11
            (f32x4.add (local.get $y11) (f32x4.mul (local.get $value) (local.get $w_right))))

          (local.set $value (v128.load32_splat (local.get $x2)))
          (local.set $y20
            (f32x4.add (local.get $y20) (f32x4.mul (local.get $value) (local.get $w_left))))
          (local.set $y21
            (f32x4.add (local.get $y21) (f32x4.mul (local.get $value) (local.get $w_right))))

          (local.set $value (v128.load32_splat (local.get $x3)))
          (local.set $y30
            (f32x4.add (local.get $y30) (f32x4.mul (local.get $value) (local.get $w_left))))
          (local.set $y31
            (f32x4.add (local.get $y31) (f32x4.mul (local.get $value) (local.get $w_right))))

          (local.set $x0 (i32.add (local.get $x0) (i32.const 4)))
          (local.set $x1 (i32.add (local.get $x1) (i32.const 4)))
          (local.set $x2 (i32.add (local.get $x2) (i32.const 4)))
          (local.set $x3 (i32.add (local.get $x3) (i32.const 4)))
          (local.set $w_at (i32.add (local.get $w_at) (i32.const 32)))
          (br_if $sum (i32.lt_u (local.get $w_at) (local.get $w_end))))

        (local.set $y_row (local.get $y_at))
        (v128.store (local.get $y_row) (local.get $y00))
        (v128.store offset=16 (local.get $y_row) (local.get $y01))
        (local.set $y_row (i32.add (local.get $y_row) (local.get $y_stride)))
        (v128.store (local.get $y_row) (local.get $y10))
        (v128.store offset=16 (local.get $y_row) (local.get $y11))
        (local.set $y_row (i32.add (local.get $y_row) (local.get $y_stride)))
        (v128.store (local.get $y_row) (local.get $y20))
        (v128.store offset=16 (local.get $y_row) (local.get $y21))
        (local.set $y_row (i32.add (local.get $y_row) (local.get $y_stride)))
        (v128.store (local.get $y_row) (local.get $y30))
        (v128.store offset=16 (local.get $y_row) (local.get $y31))
        (local.set $y_at (i32.add (local.get $y_row) (local.get $y_stride)))

        (local.set $row (i32.sub (local.get $row) (i32.const 1)))
        (br_if $rows (local.get $row)))
      (br_if $panels (local.get $panel)))))
