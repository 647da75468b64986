void main() {
    show(paint.rgb, 0.25);
}
