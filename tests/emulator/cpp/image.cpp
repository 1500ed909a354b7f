#include "image.h"

#include <elf.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "driver.h"

namespace emulator {

namespace {

constexpr int EM_CUDA_MACHINE = 190;

// The size of an ELF file, which ends with its last section or table.
size_t elf_size(const char* image, const Elf64_Ehdr& header)
{
    size_t end = header.e_phoff + size_t(header.e_phnum) * header.e_phentsize;
    end = std::max<size_t>(end, header.e_shoff + size_t(header.e_shnum) * header.e_shentsize);
    for (int i = 0; i < header.e_shnum; ++i) {
        Elf64_Shdr section;
        memcpy(&section, image + header.e_shoff + size_t(i) * header.e_shentsize, sizeof section);
        if (section.sh_type != SHT_NOBITS) end = std::max<size_t>(end, section.sh_offset + section.sh_size);
    }
    return end;
}

// The number after `key` in a PTX header, 90 for "9.0"; 0 if there is none.
int ptx_number(const std::string& text, const char* key, bool with_point)
{
    const size_t found = text.find(key);
    if (found == std::string::npos) return 0;
    int major = 0, minor = 0;
    if (!with_point) return sscanf(text.c_str() + found + strlen(key), "%d", &major) == 1 ? major : 0;
    const int read = sscanf(text.c_str() + found + strlen(key), " %d.%d", &major, &minor);
    return read == 2 ? 10 * major + minor : 0;
}

// The newest PTX version that a driver supports; 13.0 is 13000.
// https://docs.nvidia.com/cuda/parallel-thread-execution/index.html#release-notes
int newest_ptx(int driver)
{
    const int major = driver / 1000, minor = driver % 1000 / 10;
    if (major >= 13) return 90 + 10 * (major - 13) + minor;
    constexpr int PTX_OF_12[] = {80, 81, 82, 83, 84, 85, 85, 86, 87, 88};
    if (major == 12) return PTX_OF_12[std::min(minor, 9)];
    return 70 + minor;
}

} // namespace

CUresult Image::read(const void* image, int capability, int driver)
{
    const char* bytes = static_cast<const char*>(image);
    if (!memcmp(bytes, ELFMAG, std::min<size_t>(SELFMAG, strnlen(bytes, SELFMAG) + 1))) {
        return read_cubin(bytes, capability);
    }
    return read_ptx(bytes, capability, driver);
}

CUresult Image::read_cubin(const char* image, int capability)
{
    Elf64_Ehdr header;
    memcpy(&header, image, sizeof header);
    if (header.e_machine != EM_CUDA_MACHINE) {
        return fail(CUDA_ERROR_INVALID_IMAGE, "an ELF file for machine %d", header.e_machine);
    }
// Since this version of the format, a cubin stores its target here.
    constexpr int ABI_OF_CUDA_13 = 8;
    const int compiled_for = header.e_flags >> 8 & 0xff;
    const bool same_major = compiled_for / 10 == capability / 10 && compiled_for <= capability;
    if (header.e_ident[EI_ABIVERSION] >= ABI_OF_CUDA_13 && !same_major) {
        return fail(CUDA_ERROR_NO_BINARY_FOR_GPU, "a cubin for sm_%d on sm_%d", compiled_for, capability);
    }
    cubin_ = true;
    bytes_.assign(image, elf_size(image, header));
    return CUDA_SUCCESS;
}

CUresult Image::read_ptx(const char* image, int capability, int driver)
{
    bytes_ = image;
    const int version = ptx_number(bytes_, ".version", true);
    const int target = ptx_number(bytes_, ".target sm_", false);
    if (!version || !target) return fail(CUDA_ERROR_INVALID_IMAGE, "neither a cubin nor PTX");
    if (version > newest_ptx(driver)) {
        return fail(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "PTX %d.%d", version / 10, version % 10);
    }
    if (target > capability) {
        return fail(CUDA_ERROR_NO_BINARY_FOR_GPU, "PTX for sm_%d on sm_%d", target, capability);
    }
    return CUDA_SUCCESS;
}

bool Image::has(const std::string& kernel) const
{
    // A cubin has a section of code for each kernel, PTX an entry.
    const std::string wanted = (cubin_ ? ".text." : ".entry ") + kernel;
    const auto ends = [](char next) { return !isalnum(static_cast<unsigned char>(next)) && next != '_'; };
    size_t place = bytes_.find(wanted);
    for (; place != std::string::npos; place = bytes_.find(wanted, place + 1)) {
        const size_t end = place + wanted.size();
        if (end == bytes_.size() || ends(bytes_[end])) return true;
    }
    return false;
}

} // namespace emulator
